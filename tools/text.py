"""Every notebook as Python text (py:percent) in review/, which git ignores: one way, so that
nothing can fall out of step.

    python tools/text.py                            all of them, made anew
    python tools/text.py nbs/data/65_scores.ipynb   these
"""

import sys
from pathlib import Path

import jupytext

ROOT = Path(__file__).resolve().parent.parent
NBS, REVIEW = ROOT / "nbs", ROOT / "review"
FIRST = (
    "# %% [markdown]\n# Made from {name}, to read and to compare: what is changed here is "
    "lost. Edit the notebook.\n\n"
)


def write(notebook):
    "Write one notebook as text and return where."
    at = (REVIEW / notebook.relative_to(NBS)).with_suffix(".py")
    at.parent.mkdir(parents=True, exist_ok=True)
    nb = jupytext.read(notebook)
    nb.metadata = {"jupytext": {"notebook_metadata_filter": "-all"}}
    text = jupytext.writes(nb, fmt="py:percent")
    at.write_text(FIRST.format(name=notebook.relative_to(ROOT).as_posix()) + text, encoding="utf-8")
    return at


def main(names):
    found = [Path(n).resolve() for n in names]
    strangers = [
        n
        for n, p in zip(names, found, strict=True)
        if p.suffix != ".ipynb" or not p.is_file() or NBS not in p.parents
    ]
    if strangers:
        print(f"{strangers[0]}: not a notebook below nbs/", file=sys.stderr)
        return 2
    if not found:
        # of notebooks that are gone; a file of anybody else's stays
        for old in REVIEW.rglob("*.py"):
            if old.read_text(encoding="utf-8").startswith(FIRST.split("{", 1)[0]):
                old.unlink()
        found = [p for p in sorted(NBS.rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts]
    for path in found:
        write(path)
    print(f"{len(found)} notebook{'s' * (len(found) != 1)} as text in review/")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
