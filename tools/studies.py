"""Make the stored summaries of the studies again, from data that are not part of the repository.

    python tools/studies.py NAME|all [FOLDER]   FOLDER holds the data (default: ../shared/data,
                                                else the publisher)
    python tools/studies.py same                after a change of programs that leaves their
                                                densities as they were

A summary is stale when a Stan program that made it has changed: tests/test_docs.py says so, and
this without NAME. Summaries of other runs (agreement, references, published studies) name their
own command in their manifest. A program that was only written otherwise is no reason to sample
again: where tests/test_densities.py passes, `same` puts the present checksums beside those of
the programs that were run, which stay in `programs_when_made`.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import papermill

ROOT = Path(__file__).resolve().parent.parent
STUDIES = ROOT / "nbs" / "studies"
# study -> the parameter that names its data, and the file
RUNS = {
    "saeb": ("10_saeb", {"data": "saeb.csv.gz"}),
    "pennsylvania": ("20_pennsylvania", {"data": "pssa_counts.csv.gz"}),
    "new_york": ("30_new_york", {"data": "nyc_counts.csv.gz"}),
    "chemistry": ("45_chemistry", {"data": "chemistry"}),
}


def make(name, folder):
    notebook, parameters = RUNS[name]
    given = {
        k: str(folder / v) if (folder / v).is_file() else "publisher" if "." in v else v
        for k, v in parameters.items()
    }
    out = ROOT / "out" / "studies"
    out.mkdir(parents=True, exist_ok=True)
    t = time.time()
    papermill.execute_notebook(
        str(STUDIES / f"{notebook}.ipynb"),
        str(out / f"{notebook}.ipynb"),
        cwd=str(STUDIES),
        kernel_name="python3",
        parameters={**given, "store": str(STUDIES / "stored" / name)},
        progress_bar=False,
    )
    print(f"{name}: nbs/studies/stored/{name} ({time.time() - t:.0f} s)")


def stale():
    """Each stored summary, with the programs that have changed since it was made and the
    command that makes it again.
    """
    from schoolvar.calibration.stored import load_summary, stale_programs

    for file in sorted((STUDIES / "stored").glob("*/manifest.json")):
        manifest = load_summary(file.parent)[1]
        changed = stale_programs(manifest)
        stale = f"stale ({', '.join(changed)}): {manifest['command']}"
        print(f"{file.parent.name}: {stale if changed else 'matches the code'}")


# programs that became another, and what it is called
NOW = {"achievement_m0": "achievement_normal"} | dict.fromkeys(
    ("achievement_m1", "achievement_m2", "achievement_m3"), "achievement"
)


def same():
    "Carry the stored summaries over to programs whose text has changed and whose density has not."
    from schoolvar.calibration.stored import program_sha256

    densities = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        str(ROOT / "tests" / "test_densities.py"),
    ]
    if subprocess.run(densities, cwd=ROOT).returncode:
        raise SystemExit("the densities are not what they were: the summaries must be made again")
    for file in sorted((STUDIES / "stored").glob("*/manifest.json")):
        manifest = json.loads(file.read_text(encoding="utf-8"))
        made_with = manifest["programs"]
        # a program of somebody else's is kept as its text
        ours = {NOW.get(p, p) for p in made_with if "{" not in p}
        now = {p: sha for p, sha in made_with.items() if "{" in p} | {
            p: program_sha256(p) for p in ours
        }
        if now == made_with:
            continue
        manifest["programs"] = now
        manifest.setdefault("programs_when_made", made_with)
        file.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"{file.parent.name}: {', '.join(sorted(now))}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        stale()
        raise SystemExit
    if sys.argv[1] == "same":
        same()
        raise SystemExit
    if sys.argv[1] not in (*RUNS, "all"):
        raise SystemExit(__doc__)
    for name in RUNS if sys.argv[1] == "all" else [sys.argv[1]]:
        make(
            name,
            Path(sys.argv[2] if len(sys.argv) > 2 else ROOT.parent / "shared" / "data").resolve(),
        )
