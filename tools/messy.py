"""Write guides/messy-input.qmd from the table of messy inputs: `python tools/messy.py`.

The table says what a person would expect of each; the page, what happens to it today.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests/promises"))

PAGES = {  # file -> (title, groups); a page of all would be too heavy for a phone
    "messy-input": ("Messy input", ("Text files", "Headers", "Numbers")),
    "messy-ids": (
        "Messy input: marks, years and ids",
        ("Thousands and decimals", "Years, grades, subjects", "Ids"),
    ),
    "messy-workbooks": (
        "Messy input: totals, percentages and workbooks",
        ("Totals", "Percentages", "Excel"),
    ),
    "messy-scores": (
        "Messy input: Parquet, other files and scores",
        ("Parquet", "Files", "Scores"),
    ),
}

HEAD = """---
title: "{title}"
description: "Files as people have them: what a person would expect, and what happens"
---

Nothing here ends in a wrong number without a word: a file is read as a person reads it, refused by
one line that names the column and the rows, or read with a warning. The files are made by
[a test](promises.qmd#reading), which holds each expectation; this page is made of the same table,
by `tools/messy.py`.

Of {count} files on four pages, {right} are read, {refused} are refused and {warned} are read with a
warning. {others}
What a refusal calls `--allow NAME` lets through what is meant:
[the names](files.qmd#what-is-refused-and-how-to-let-it-through).
"""


def cell(text):
    "Text as a cell of a table: as it stands, whatever it holds."
    text = str(text).replace("\\", "\\\\").replace("|", "\\|")
    return re.sub(r"([*_`<>\[\]$#~])", r"\\\1", text)


def section(name, lines):
    "One group of files."
    head = ["| the file | a person expects | what happens |", "|---|---|---|"]
    return "\n".join([f"\n## {name}\n", *head, *lines]) + "\n"


def pages():
    "Each page by the name of its file."
    from messy_inputs import CASES
    from reading import outcome

    groups, counts = {}, {"read": 0, "refused": 0, "read, with a warning": 0}
    for case in CASES:
        what, said = outcome(case)
        counts[what] += 1
        told = f"{what}: {cell(said)}" if said else what
        name = case.name if case.name.isprintable() else ascii(case.name)
        groups.setdefault(case.group, []).append(f"| {cell(name)} | {cell(case.person)} | {told} |")
    placed = [group for _, names in PAGES.values() for group in names]
    assert sorted(placed) == sorted(groups), "each group has a page"
    words = dict(
        count=len(CASES),
        right=counts["read"],
        refused=counts["refused"],
        warned=counts["read, with a warning"],
    )
    return {f"{file}.qmd": one_page(file, groups, words) for file in PAGES}


def one_page(file, groups, words):
    "A page: its head, with links to the others, and its groups."
    title, names = PAGES[file]
    links = [
        f"[{', '.join(n.lower() for n in there)}]({other}.qmd)"
        for other, (_, there) in PAGES.items()
        if other != file
    ]
    head = HEAD.format(title=title, others=f"Elsewhere: {'; '.join(links)}.", **words)
    return head + "".join(section(name, groups[name]) for name in names)


def main():
    for file, text in pages().items():
        (ROOT / "guides" / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
