"""Names and values from the data are text wherever they appear, and what is withheld appears
nowhere.
"""

import json
import re
import zipfile
from html.parser import HTMLParser

import pandas as pd
import pytest
from outside import reseal

from schoolvar.report.build import render_reports
from schoolvar.report.disclosure import DisclosurePolicy
from schoolvar.report.example import example_fits
from schoolvar.report.publication import publish
from tests.report.test_build import browser, open_page, own_cache  # noqa: F401 (fixtures)

EVIL = [
    "<script>window.pwned=1</script>",
    '"><img src=x onerror=window.pwned=1>',
    "</script><script>window.pwned=1</script>",
    '=HYPERLINK("http://evil","x")',
    "=1+1|cmd",
    "@SUM(A1)",
    "{{7*7}}{% raw %}${7*7}#{7*7}",
    "#panic()",
    "../../../../tmp/escape",
    "C:\\Windows\\x",
    "\u202egnp.exe",
    "\u05d0\u05d1\u05d2 \u0627\u0644",
    "N" * 3000,
    "a\x00b\x1b[31m",
    "datum.pwned = 1",
    "'); import os; os.system('touch pwned'); ('",
    "\ud83c\udf32 Elm",
    "con",
    ".",
    "-rf",
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    "Every id and name of districts and schools is an attack; two districts share a name."
    folder = tmp_path_factory.mktemp("hostile")
    fits = example_fits(folder, 6, 60)

    def clean(s):
        return s.replace("\x00", "").replace("\ud83c\udf32", "\U0001f332")

    names = [clean(e) for e in EVIL]
    for _kind, path in fits.items():
        f = pd.read_csv(path / "schools.csv", dtype={"school": "str"})
        ids = {
            s: f"{names[i % len(names)]}~{s}" if i < 40 else s
            for i, s in enumerate(sorted(f.school))
        }
        f["school_name"] = [names[(i * 7) % len(names)] for i in range(len(f))]
        where = f.school.str[:5]
        f["district_id"] = where.map(
            {
                "SIM01": names[0],
                "SIM02": names[8],
                "SIM03": names[3],
                "SIM04": names[10],
                "SIM05": names[12],
                "SIM06": names[15],
            }
        )
        f["district"] = where.map(
            {
                "SIM01": names[1],
                "SIM02": names[6],
                "SIM03": names[6],
                "SIM04": names[11],
                "SIM05": names[12],
                "SIM06": names[2],
            }
        )
        f["school"] = f.school.map(ids)
        f.to_csv(path / "schools.csv", index=False)
        if (path / "counts.csv").exists():
            c = pd.read_csv(path / "counts.csv", dtype={"school": "str"})
            c["school"] = c.school.map(ids)
            c["subject"] = c.subject.replace({"Math": "<b onclick=window.pwned=1>Math"})
            c.to_csv(path / "counts.csv", index=False)
        m = json.loads((path / "manifest.json").read_text())
        m["source"]["path"] = "/home/secret/<img src=x onerror=window.pwned=1>.csv"
        m["priors"] = {"<script>": "</script>"}
        (path / "manifest.json").write_text(json.dumps(m))
        reseal(path)
    return fits


@pytest.fixture(scope="module")
def attacked(hostile, tmp_path_factory):
    out = tmp_path_factory.mktemp("attacked") / "deep" / "out"
    return render_reports(out, **hostile, formats=("xlsx", "pdf", "notebook"), workers=1)


def test_every_report_is_made_inside_its_folder(attacked):
    assert not attacked.failed, [r["error"] for r in attacked.reports]
    root = attacked.out.parent.parent
    assert [p.name for p in root.iterdir()] == ["deep"] and [
        p.name for p in attacked.out.parent.iterdir()
    ] == ["out"]
    for p in attacked.out.rglob("*"):
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,90}", p.name), p.name
    assert len({f for r in attacked.reports for f in r["files"]}) == 24, (
        "districts of one name keep files of their own"
    )


def test_nothing_executes(attacked, browser):
    for path in [attacked.out / "index.html", *(attacked.out / "districts").glob("*.html")]:
        # the page's policy is off here: escaping alone must hold
        context, page, trouble = open_page(browser, path)
        assert page.evaluate("window.pwned") is None and not trouble, path.name
        assert (
            page.evaluate("document.querySelectorAll('script[src]').length") == 3
            and page.locator("img").count() == 0
        )
        assert page.evaluate(
            "[...document.querySelectorAll('script:not([src])')].every(s => s.type === "
            "'application/json')"
        )
        context.close()


class Tags(HTMLParser):
    "The tags of a page, and the names of their attributes."

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [name for name, _ in attrs]))


def test_no_inline_handlers_and_no_paths_of_the_machine(attacked):
    for path in [attacked.out / "index.html", *(attacked.out / "districts").glob("*.html")]:
        text = path.read_text(encoding="utf-8")
        tags = Tags()
        tags.feed(text)
        assert not [
            tag
            for tag, names in tags.found
            if tag in ("img", "iframe", "object", "base", "form")
            or any(name.startswith("on") or name == "style" for name in names)
        ]
        assert "/home/secret" not in text and "49{" not in text


def test_parameters_go_in_as_values(attacked):
    for path in attacked.out.glob("*.ipynb"):
        nb = json.loads(path.read_text(encoding="utf-8"))
        injected = next(
            c for c in nb["cells"] if "injected-parameters" in c["metadata"].get("tags", [])
        )
        import ast

        tree = ast.parse("".join(injected["source"]))
        assert all(
            isinstance(n, ast.Assign) and isinstance(n.value, ast.Constant) for n in tree.body
        )


def test_workbooks_hold_no_formulas(attacked):
    for path in (attacked.out / "districts").glob("*.xlsx"):
        inside = zipfile.ZipFile(path)
        for name in inside.namelist():
            if name.startswith("xl/worksheets/sheet"):
                assert b"<f>" not in inside.read(name)
        assert not any(
            "evil" in inside.read(n).decode() for n in inside.namelist() if n.endswith(".rels")
        ), "no links from data"
        pd.read_excel(path, sheet_name=None, engine="calamine")


# What is withheld

MARKS = {
    "n_trials": 7654321,
    "raw": 0.31415926,
    "estimate": 0.27182818,
    "mean": -8765.4321,
    "sd": 9182.7364,
    "value_added": 5454.5454,
    "earlier_quality": -6161.6161,
}


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    "Small schools whose estimates are numbers that occur nowhere else."
    fits = example_fits(tmp_path_factory.mktemp("secret"), 3, 40)
    hidden = publish(fits, DisclosurePolicy.named("eqao")).tables
    for kind, path in fits.items():
        gone = set(hidden[kind].school[hidden[kind].state != ""])
        f = pd.read_csv(path / "schools.csv", dtype={"school": "str"})
        at = f.school.isin(gone)
        assert at.any()
        for column, mark in MARKS.items():
            if column in f:
                f[column] = f[column].astype(float)
                f.loc[at, column] = mark
        f.to_csv(path / "schools.csv", index=False)
        reseal(path)
    return fits


def texts(folder):
    "Everything that a reader could open, as text."
    # Vega itself, the same in every report
    for path in sorted(
        p for p in folder.rglob("*") if p.is_file() and p.name != "schoolvar-charts.js"
    ):
        if path.suffix == ".xlsx":
            inside = zipfile.ZipFile(path)
            for name in inside.namelist():
                yield f"{path.name}:{name}", inside.read(name).decode("utf-8", "replace")
        elif path.suffix == ".pdf":
            from pypdf import PdfReader

            yield path.name, "\n".join(page.extract_text() for page in PdfReader(path).pages)
        elif path.suffix == ".parquet":
            yield path.name, pd.read_parquet(path).to_csv(float_format="%.8g")
        else:
            yield path.name, path.read_text(encoding="utf-8")


def spellings(mark):
    """A number as a page, a chart or a sheet could write it.

    A fraction with at least four digits, for shorter ones occur by chance.
    """
    found = (
        {f"{abs(mark):.{d}g}" for d in range(4, 9)}
        | {f"{abs(mark) * 100:.{d}f}" for d in range(2, 7)}
        if abs(mark) < 1
        else {f"{abs(mark):,.{d}f}" for d in range(5)}
        | {f"{abs(mark):.{d}f}" for d in range(5)}
        | {f"{abs(mark):.{d}g}" for d in range(4, 9)}
    )
    found |= {s.replace(",", "\u202f").replace(".", ",") for s in found}
    return {s for s in found if "e" not in s}


def holds(text, wanted):
    """Those of the spellings that stand in the text as numbers of their own.

    In the charts' data a comma stands before most.
    """
    return {s for s in wanted if s in text and re.search(rf"(?<![\d.]){re.escape(s)}(?!\d)", text)}


def test_withheld_values_are_nowhere(secret, tmp_path):
    "In no byte of pages, charts' data, workbooks, notebooks, tables and PDF."
    pytest.importorskip("pypdf")
    result = render_reports(
        tmp_path / "out",
        **secret,
        policy="eqao",
        languages=("en", "fr"),
        formats=("xlsx", "pdf", "notebook"),
        workers=1,
    )
    assert not result.failed
    wanted = {s: name for name, mark in MARKS.items() for s in spellings(mark)}
    seen = [
        (where, s, wanted[s])
        for where, text in texts(tmp_path / "out")
        for s in holds(text, wanted)
    ]
    assert not seen, seen[:5]


def test_the_search_would_find_them(secret, tmp_path):
    "The same search under the policy `none`, in every format: else the test above could not fail."
    pytest.importorskip("pypdf")
    render_reports(
        tmp_path / "out",
        **secret,
        policy="none",
        districts=["SIM01", "SIM02", "SIM03"],
        formats=("xlsx", "pdf", "notebook"),
        workers=1,
    )
    wanted = {s for mark in MARKS.values() for s in spellings(mark)}
    found = {
        re.search(r"\.(\w+)(:|$)", where).group(1)
        for where, text in texts(tmp_path / "out")
        if holds(text, wanted)
    }
    assert {"html", "xlsx", "pdf", "ipynb", "parquet"} <= found, found


@pytest.mark.parametrize("what", ["achievement", "consistency"])
def test_rerun_withholds_as_reports_do(what, tmp_path, monkeypatch):
    """A fit whose small schools hold marks.

    No byte of the pages, notebooks or tables of `schoolvar rerun` has one; under `none` the
    search finds them.
    """
    from schoolvar.achievement.fit import fit_achievement
    from schoolvar.cli.parts import example_table
    from schoolvar.cli.rerun import rerun
    from schoolvar.consistency.fit import fit_consistency
    from schoolvar.report.publishable import restored

    fit, column, marks = (
        (fit_achievement, "n_trials", ("n_trials", "raw", "estimate"))
        if what == "achievement"
        else (fit_consistency, "n", ("mean", "sd"))
    )
    table = example_table(what)
    small = sorted(table.school_id.unique())[:4]
    if what == "achievement":
        at = table.school_id.isin(small)
        table.loc[at, "n_trials"] = 6
        table.loc[at, "y_success"] = 3
        table = table[~at | (table.year == table.year.max())]
    else:
        table = pd.concat(
            [
                table[~table.school_id.isin(small)],
                table[table.school_id.isin(small)].groupby("school_id").head(7),
            ]
        )
    table.to_csv(tmp_path / "table.csv", index=False)

    def mark(made):
        for m in marks:
            if isinstance(MARKS[m], float):
                made.schools[m] = made.schools[m].astype(float)
            made.schools.loc[made.schools.school.isin(small), m] = MARKS[m]
        return made

    monkeypatch.setattr(
        f"schoolvar.{what}.fit.fit_{what}", lambda *a, **settings: mark(fit(*a, **settings))
    )
    monkeypatch.setattr("schoolvar.report.publishable.restored", lambda *a: mark(restored(*a)))
    wanted = {s for m in marks for s in spellings(MARKS[m])}
    for policy in (None, "none"):
        result = rerun(
            what,
            tmp_path / "table.csv",
            tmp_path / f"out-{policy}",
            policy=policy,
            parameters=dict(draws=50, seed=1),
            workers=1,
        )
        assert not result.failed, result.sentence
        seen = {where for where, text in texts(tmp_path / f"out-{policy}") if holds(text, wanted)}
        assert (seen == set()) if policy is None else {f"{what}.html", f"{what}.ipynb"} <= seen, (
            policy,
            seen,
        )
