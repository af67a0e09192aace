"""Write guides/messy-input.qmd from the table of messy inputs and what happens to each today: `python tools/messy.py`."""
from pathlib import Path
import re
import sys

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests/promises"))

HEAD = """---
title: "Messy input"
description: "{count} files as people have them: what a person would expect, and what happens"
---

Nothing here ends in a wrong number without a word: a file is read as a person reads it, refused by one line that names the column
and the rows, or read with a warning. The files are made by
[a test](promises.qmd#reading), which holds each expectation; this page is made of the same table, by `tools/messy.py`.

Of the {count} files, {right} are read, {refused} are refused and {warned} are read with a warning.
What a refusal calls `--allow NAME` lets through what is meant: [the names](files.qmd#what-is-refused-and-how-to-let-it-through).
"""


def cell(text):
    "Text as a cell of a table: as it stands, whatever it holds."
    text = str(text).replace("\\", "\\\\").replace("|", "\\|")
    return re.sub(r"([*_`<>\[\]$#~])", r"\\\1", text)


def section(name, lines):
    "One group of files."
    head = ["| the file | a person expects | what happens |", "|---|---|---|"]
    return "\n".join([f"\n## {name}\n", *head, *lines]) + "\n"


def page():
    "The whole page."
    from messy_inputs import CASES
    from reading import outcome
    groups, counts = {}, {"read": 0, "refused": 0, "read, with a warning": 0}
    for case in CASES:
        what, said = outcome(case)
        counts[what] += 1
        told = f"{what}: {cell(said)}" if said else what
        name = case.name if case.name.isprintable() else ascii(case.name)
        groups.setdefault(case.group, []).append(f"| {cell(name)} | {cell(case.person)} | {told} |")
    head = HEAD.format(count=len(CASES), right=counts["read"], refused=counts["refused"], warned=counts["read, with a warning"])
    return head + "".join(section(name, lines) for name, lines in groups.items())


def main():
    (ROOT / "guides/messy-input.qmd").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
