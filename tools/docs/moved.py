"""Addresses that the site had before, which lead to where their pages are now.

moved.csv lists them below docs/. A row without a `place` says where a page is now; the same page
where it has not moved. A row with one is a name that the page documented: it is looked for in
today's modules, so that a name that moves again is still found. `now` says where only for a name
that two modules have.
"""

import ast
import csv
import functools
import json
import posixpath
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = Path(__file__).with_name("moved.csv")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Moved</title>
<link rel="canonical" href="{base}/docs/{now}.html">
<link rel="icon" href="data:,">
<script>
const places = {places};
location.replace("{up}" + (places[location.hash.slice(1)] || "{now}") + ".html" + location.hash);
</script>
<noscript><meta http-equiv="refresh" content="0; url={up}{now}.html"></noscript>
</head>
<body><main><h1>Moved</h1><p>This page is now <a href="{up}{now}.html">{now}</a>.</p></main></body>
</html>
"""


class Moved(NamedTuple):
    "Where an old page is now, and where the names are that are not there."

    now: str
    places: dict[str, str]


@functools.cache
def homes():
    "Pages that document each name, by its place on them: a class and a function may share one."
    found = {}
    for file in sorted(ROOT.glob("schoolvar/*/*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_":
                page = f"{file.parent.name}/{file.stem}"
                found.setdefault(node.name.lower(), {})[page] = None
    return {place: list(pages) for place, pages in found.items()}


def home(place, now, said):
    "The page of a name: the one that is said, else the page itself, else the only one."
    pages = homes().get(place, [])
    if said:
        return said
    if now in pages:
        return now
    return pages[0] if len(pages) == 1 else None


def table():
    "Old pages by name, without `.html` and below docs/."
    with open(TABLE, encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    found = {row["page"]: Moved(row["now"], {}) for row in rows if not row["place"]}
    for row in rows:
        if place := row["place"]:
            page = found[row["page"]]
            where = home(place, page.now, row["now"])
            if where and where != page.now:
                page.places[place] = where
    return found


def forward(out, base):
    "A small page at each address of which the page has moved; how many."
    count = 0
    for name, page in table().items():
        old = out / "docs" / f"{name}.html"
        if old.exists() or not (out / "docs" / f"{page.now}.html").exists():
            continue
        up = posixpath.relpath("docs", posixpath.normpath(f"docs/{name}/..")) + "/"
        text = PAGE.format(
            base=base,
            now=page.now,
            up="" if up == "./" else up,
            places=json.dumps(page.places),
        )
        old.parent.mkdir(parents=True, exist_ok=True)
        old.write_text(text, encoding="utf-8")
        count += 1
    return count
