"""Addresses that the site had before lead to where their pages are now.

When notebooks were in one folder the site had 109 pages; moved.csv has a row for each.
"""

import csv
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))


def rows():
    from docs.moved import TABLE

    with open(TABLE, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def pages():
    "Pages of today's site below docs/, those beside it with `../`."
    from docs.notebooks import notebooks

    by_hand = [*ROOT.glob("*.qmd"), *ROOT.glob("guides/*.qmd")]
    listed = (ROOT / "_quarto.yml").read_text(encoding="utf-8")
    return {
        *notebooks().values(),
        *(f"../{p.relative_to(ROOT).with_suffix('').as_posix()}" for p in by_hand),
        *re.findall(r"\bdocs/([\w/-]+)\.qmd", listed),
    }


def test_every_address_of_before_leads_to_a_page_of_today():
    there, old = pages(), [row for row in rows() if not row["place"]]
    assert [row for row in old if row["now"] not in there] == []
    assert len({row["page"] for row in old}) == len(old) > 120
    # an address is a page of today, or forwards
    assert [row for row in old if row["page"] in there and row["now"] != row["page"]] == []
    assert [row for row in old if row["page"] not in there and row["now"] == row["page"]] == []


def test_every_page_of_the_flat_site_has_its_row():
    "Its parts by the numbers of pages that they had."
    names = {row["page"] for row in rows()}
    assert len([n for n in names if n.startswith("studies/")]) == 12
    assert len([n for n in names if n.startswith("explanations/")]) == 4
    assert len([n for n in names if n.startswith("../guides/")]) == 13
    assert {"../index", "../404", "functions", "commands", "programs", "gallery"} <= names
    assert {"tables", "fit", "verdicts", "chart_pages", "charts_agreement", "pdf"} <= names


def test_every_name_that_an_old_page_had_is_found():
    from docs.moved import homes, table

    moved, lost = table(), []
    for row in rows():
        if row["place"]:
            now = moved[row["page"]].places.get(row["place"])
            if now not in homes().get(row["place"], []):
                lost.append(row)
    assert lost == []
    # no row says what the modules say
    said = [r for r in rows() if r["place"] and r["now"] and len(homes()[r["place"]]) == 1]
    assert said == []


@pytest.fixture
def site(tmp_path):
    "A site with one page that has moved and the page that a name of it went to."
    for name, place in (("data/tables", "read_table"), ("data/columns", "plain")):
        page = tmp_path / "docs" / f"{name}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f'<html lang="en"><h1>T</h1><h3 id="{place}">n</h3></html>')
    return tmp_path


def test_an_old_address_forwards_with_its_place(site):
    from docs import check
    from docs.moved import forward

    assert forward(site, "https://example.org/site") == 1
    text = (site / "docs" / "tables.html").read_text(encoding="utf-8")
    assert '<meta http-equiv="refresh" content="0; url=data/tables.html">' in text
    found = check.PLACES.search(text)
    places = json.loads(found[1])
    assert places["plain"] == "data/columns" and found[2] == ""
    problems = list(
        check.forwarded(
            "docs/tables.html",
            text,
            {"docs/data/columns.html": check.Page('<h3 id="other">n</h3>')},
        )
    )
    assert "leads #plain to docs/data/columns.html, which has no such place" in problems
    assert any("which is not there" in problem for problem in problems)


def test_an_address_that_is_lost_is_a_problem(site):
    from docs import check
    from docs.moved import forward

    forward(site, "https://example.org/site")
    problems = check.addresses(site)
    assert "docs/fit.html: an address of before, which is not there" in problems
    assert not [problem for problem in problems if "docs/tables.html" in problem]
