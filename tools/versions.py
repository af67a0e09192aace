"""The core of the tests with other versions: the newest of everything (ArviZ 1.x on Python 3.12 and
later) and the oldest that is promised.

    make versions                                        every interpreter that is here
    python tools/versions.py newest --python python3.13
    python tools/versions.py oldest

Each has an environment of its own under build/versions; what was found is kept in
benchmarks/versions.csv.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
RESULTS, HOMES = ROOT / "benchmarks" / "versions.csv", ROOT / "build" / "versions"
CORE = [
    "sampling/test_engine.py",
    "sampling/test_cache.py",
    "sampling/test_diagnostics.py",
    "sampling/test_fit.py",
    "data/test_scores.py",
    "data/test_formats.py",
    "achievement/test_compare.py",
    "core/test_ranks.py",
    "value_added/test_eligibility.py",
    "report/test_disclosure.py",
    "achievement/test_frequentist.py",
    "test_caught.py",
    "consistency/test_fit.py",
    "achievement/test_fit.py",
    "value_added/test_fit.py",
]
SHOWN = (
    "arviz",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "xarray",
    "statsmodels",
    "pandera",
    "stanli",
    "altair",
    "dask",
)
TOOLS = ["pytest>=8", "hypothesis>=6.100"]


def requirements(which) -> list[str]:
    "The library's own requirements, at their lower ends or without the upper end of ArviZ"
    asked = [
        r.split(";")[0].strip()
        for r in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "dependencies"
        ]
    ]
    if which == "newest":
        return ["arviz>=1" if r.startswith("arviz") else r for r in asked]
    return [re.sub(r">=([\w.]+).*", r"==\1", r) for r in asked]


def newer() -> list[str]:
    """Interpreters of 3.12 and 3.13 on the path or kept by pyenv, one of each.

    A shim that starts nothing is none
    """
    found = {}
    for version in ("3.13", "3.12"):
        for p in [
            shutil.which(f"python{version}"),
            *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")),
        ]:
            if (
                p
                and version not in found
                and subprocess.run([p, "--version"], capture_output=True).returncode == 0
            ):
                found[version] = str(p)
    return list(found.values())


def environment(which, python) -> Path:
    "An environment, made anew where the requirements changed"
    said = subprocess.run(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    home, wanted = HOMES / f"{which}-{said}", requirements(which) + TOOLS
    note = home / "requirements.txt"
    if not note.exists() or note.read_text() != "\n".join(wanted):
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([python, "-m", "venv", home], check=True)
        subprocess.run(
            [
                home / "bin/python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                *wanted,
            ],
            check=True,
            stderr=subprocess.DEVNULL if "CI" in os.environ else None,
        )
        note.write_text("\n".join(wanted))
    return home / "bin/python"


def versions_of(here) -> dict:
    "Versions of Python and of the packages that matter, in an environment."
    code = (
        "import json, platform; from importlib.metadata import version\n"
        "print(json.dumps({'python': platform.python_version()} | "
        f"{{n: version(n) for n in {SHOWN}}}))"
    )
    said = subprocess.run([here, "-c", code], capture_output=True, text=True, check=True).stdout
    return json.loads(said)


def tested(here, tests) -> str:
    "What pytest says of the core in an environment."
    kept = HOMES / "cache" / here.parent.parent.name
    env = {**os.environ, "PYTHONPATH": str(ROOT), "SCHOOLVAR_CACHE": str(kept)}
    # warnings of versions that are not the locked ones are news, not faults
    options = ["-q", "-p", "no:cacheprovider", "-W", "default", "--tb=short"]
    done = subprocess.run(
        [here, "-m", "pytest", *options, *[f"tests/{t}" for t in tests]],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )
    (here.parent.parent / "pytest.txt").write_text(done.stdout + done.stderr)
    return done.stdout


def run(which, python, tests) -> dict:
    "Run the core there: a row of what was found"
    here = environment(which, python)
    found = versions_of(here)
    lines = tested(here, tests).splitlines()
    counted = [line for line in lines if re.search(r"\d+ (passed|failed|error)", line)]
    last = counted[-1] if counted else ""

    def count(what):
        return int(m[1]) if (m := re.search(rf"(\d+) {what}", last)) else 0

    counts = dict(
        tests=" ".join(t.replace("test_", "").removesuffix(".py") for t in tests),
        passed=count("passed"),
        failed=count("failed") + count("error"),
        skipped=count("skipped"),
        date=date.today().isoformat(),
    )
    row = dict(which=which) | found | counts
    wrong = "\n".join(line for line in lines if line.startswith(("FAILED", "ERROR")))
    print(row, "\n", wrong, flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("which", nargs="*", help="both where none is given")
    parser.add_argument(
        "--python",
        help=(
            "interpreter; else every one of 3.12 and 3.13 that is here for the newest, this "
            "one for the oldest"
        ),
    )
    parser.add_argument("--tests", nargs="+", default=CORE, help="files in tests/")
    a = parser.parse_args()
    if unknown := set(a.which) - {"newest", "oldest"}:
        parser.error(f"{unknown.pop()}: choose newest or oldest")
    rows = []
    for which in a.which or ("newest", "oldest"):
        for python in (
            [a.python] if a.python else [sys.executable] if which == "oldest" else newer() or [None]
        ):
            if python is None:
                print("no Python 3.12 or 3.13 is here: nothing was learned of the newest versions")
                continue
            rows.append(run(which, python, a.tests))
    if rows:
        new = pd.DataFrame(rows)
        old = pd.read_csv(RESULTS, dtype="str") if RESULTS.exists() else None
        if old is not None:
            new = pd.concat([old[~(old.which + old.python).isin(new.which + new.python)], new])
        new.to_csv(RESULTS, index=False, lineterminator="\n")
    sys.exit(any(r["failed"] for r in rows))


if __name__ == "__main__":
    main()
