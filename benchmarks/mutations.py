"""Put each fault of tests/mutations/mutations.toml into a copy of the tree and see that its test
fails.

    python benchmarks/mutations.py              every fault; writes tests/mutations/caught.csv
    python benchmarks/mutations.py Jacobian     only those whose name holds a word; writes nothing

Each catching test is first run without faults, and must pass. The tree itself is never changed.
"""

import argparse
import csv
import os
import re
import shutil
import sys
import tempfile
import time
import tomllib
import traceback
from pathlib import Path

# Whatever the tests import besides schoolvar, once; each run is a fork (so not on Windows).
import pandera.pandas  # noqa: E401, F401
import pytest

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "tests/mutations/caught.csv"
PARTS = ("schoolvar", "stan", "tests", "nbs", "benchmarks", "pyproject.toml", "settings.ini")


def copy_of_tree(folder: Path) -> Path:
    "What the tests need, without what they make."
    for name in PARTS:
        source, to = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(
                source,
                to,
                ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", ".pytest_cache"),
            )
        else:
            shutil.copy(source, to)
    return folder


def in_the_copy(tree: Path, cache: Path, tests) -> int:
    "Status of pytest."
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    os.environ.update(PYTHONPATH=str(tree), SCHOOLVAR_CACHE=str(cache), CI="true")
    sys.dont_write_bytecode = True
    import schoolvar

    if not Path(schoolvar.__file__).is_relative_to(tree):
        return 99
    return pytest.main(
        [
            "-x",
            "-q",
            "--no-header",
            "-p",
            "no:cacheprovider",
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
            *tests,
        ]
    )


def run_tests(tree: Path, *tests) -> tuple[int, str]:
    """Status and output of tests in the copy, by its own modules, with nothing from a cache.

    A fork of this process, so that packages are imported once.
    """
    cache, said = tree.parent / "cache", tree.parent / "said"
    shutil.rmtree(cache, ignore_errors=True)
    sys.stdout.flush()
    if not (child := os.fork()):
        status = 98
        try:
            out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1)
            os.dup2(out, 2)
            status = in_the_copy(tree, cache, tests)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # nothing of the parent's is cleaned up by its copy
            os._exit(int(status))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 99:
        raise SystemExit("the copy would not be tested but the installed package")
    return status, said.read_text(encoding="utf-8", errors="replace")


def reason(output: str) -> str:
    "The first line that says what went wrong."
    found = re.search(r"^(?:E  +)(\S.*)$", output, re.M)
    return re.sub(r"/\S*/", "", found[1])[:110] if found else ""


def try_fault(tree: Path, fault: dict) -> dict:
    "Put in one fault, run its test, and take it out again."
    path = tree / fault["file"]
    sound = path.read_text(encoding="utf-8")
    if (times := sound.count(fault["text"])) != 1:
        raise SystemExit(f"{fault['name']}: its text occurs {times} times in {fault['file']}")
    path.write_text(sound.replace(fault["text"], fault["with"]), encoding="utf-8")
    clock = time.perf_counter()
    try:
        status, said = run_tests(tree, fault["test"])
    finally:
        path.write_text(sound, encoding="utf-8")
    # Status 1: tests ran and failed. Anything else (no such test, no collection) is no catch.
    return dict(
        name=fault["name"],
        file=fault["file"],
        test=fault["test"],
        caught="yes" if status == 1 else "no",
        seconds=round(time.perf_counter() - clock),
        failure=reason(said),
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="try only faults whose name holds one of these")
    words = [w.lower() for w in parser.parse_args().words]
    faults = [
        f
        for f in tomllib.loads(
            (ROOT / "tests/mutations/mutations.toml").read_text(encoding="utf-8")
        )["fault"]
        if not words or any(w in f["name"].lower() for w in words)
    ]
    with tempfile.TemporaryDirectory() as folder:
        tree = copy_of_tree(Path(folder) / "tree")
        status, said = run_tests(tree, *dict.fromkeys(f["test"] for f in faults))
        if status:
            raise SystemExit(f"the tests fail without any fault:\n{said[-3000:]}")
        rows = []
        for fault in faults:
            rows.append(try_fault(tree, fault))
            print("{caught:3} {seconds:4} s  {name}: {failure}".format(**rows[-1]), flush=True)
    if not words:
        with open(STORED, "w", encoding="utf-8", newline="") as f:
            writer = csv.DictWriter(f, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    missed = [r["name"] for r in rows if r["caught"] != "yes"]
    print(f"{len(rows) - len(missed)} of {len(rows)} faults caught")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
