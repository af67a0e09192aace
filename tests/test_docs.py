"""The site.

Every notebook has its place, stored summaries match the code, the checklist leads somewhere,
and pages are whole.
"""

import csv
import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent
STUDIES = sorted((ROOT / "nbs" / "studies").glob("*.ipynb"))
STORED = sorted(p.parent for p in (ROOT / "nbs" / "studies" / "stored").glob("*/manifest.json"))
sys.path.insert(0, str(ROOT / "tools"))


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(path):
    return "\n".join("".join(c["source"]) for c in cells(path))


def checklist():
    return list(
        csv.DictReader(
            (ROOT / "nbs" / "studies" / "checklist.csv").read_text(encoding="utf-8").splitlines()
        )
    )


# ---------------------------------------------------------------- what is on the site


def test_every_library_notebook_is_in_the_sidebar():
    from docs import pages as docs_pages

    text = (ROOT / "_quarto.yml").read_text(encoding="utf-8")
    assert docs_pages.sidebar_text(text) == text, "run `.venv/bin/python tools/docs sidebar`"
    from docs.notebooks import library, module

    assert len(library()) >= 66
    for path in library():
        assert f"docs/{module(path).replace('.', '/')}.ipynb" in text


def test_every_study_and_explanation_is_in_the_sidebar():
    from docs import pre as docs_pre

    text = (ROOT / "_quarto.yml").read_text(encoding="utf-8")
    assert [n for n in docs_pre.notebooks().values() if f"- docs/{n}.ipynb" not in text] == []
    assert [
        g.name for g in (ROOT / "guides").glob("*.qmd") if f"- guides/{g.name}" not in text
    ] == []


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
def test_a_study_says_what_it_needs(path):
    text = source(path)
    for said in (
        "**Data**",
        "**Running time**",
        f"papermill nbs/studies/{path.name}",
        " -p ",
        "## Try this",
    ):
        assert said in text, f"{path.name} does not say {said}"
    parameters = next(
        "".join(c["source"]) for c in cells(path) if "parameters" in c["metadata"].get("tags", [])
    )
    names = set(re.findall(r"^(\w+) =", parameters, re.M))
    command = re.search(r"papermill nbs/studies[^\n]*", text)[0]
    assert set(re.findall(r"-p (\w+)", command)) <= names, (
        "the rerun command sets a parameter that is not there"
    )


def test_checklist_leads_to_cells():
    rows = checklist()
    assert {r["document"] for r in rows} == {"consistency", "achievement"}
    for r in rows:
        assert (
            r["item"]
            and r["published"]
            and r["status"].split(" (")[0] in ("same", "differs", "stands in", "cannot")
        ), r
        if r["status"].startswith("cannot"):
            assert r["why"] and not r["notebook"], r
            continue
        path = (
            ROOT / "nbs" / (r["notebook"] if "/" in r["notebook"] else f"studies/{r['notebook']}")
        )
        labels = re.findall(r"^#\| label: (\S+)$", source(path.with_suffix(".ipynb")), re.M)
        assert r["cell"] in labels, f"{r['item']}: no cell {r['cell']} in {r['notebook']}"


@pytest.mark.parametrize(
    "document, needed",
    [
        (
            "consistency",
            ["Figure 1", "Figure 2A", "Figure 2B", "Figure 3A", "Figure 3B", "Equations"],
        ),
        (
            "achievement",
            [
                "full decomposition",
                "latent decomposition",
                "leave-one-out",
                "caterpillar",
                "trace plots",
                "Convergence",
                "school SD",
                "comparison of the two approaches",
            ],
        ),
    ],
)
def test_checklist_has_every_figure_and_table(document, needed):
    items = " ".join(r["item"] for r in checklist() if r["document"] == document)
    assert not [n for n in needed if n not in items]


# ---------------------------------------------------------------- stored summaries


@pytest.mark.parametrize("folder", STORED, ids=lambda p: p.name)
def test_stored_summary_matches_the_code(folder):
    from schoolvar.calibration.stored import load_summary, stale_programs

    tables, manifest = load_summary(folder)
    assert stale_programs(manifest) == [], (
        f"run `.venv/bin/python {manifest['command'].removeprefix('python ')}`"
    )
    for key in ("made", "seconds", "settings", "data", "programs", "versions", "command"):
        assert manifest[key], f"{folder.name} does not say {key}"
    assert "seed" in manifest["settings"] and all(len(t) for t in tables.values())


def test_a_changed_table_is_noticed(tmp_path):
    from schoolvar.calibration.stored import load_summary

    shutil.copytree(STORED[0], tmp_path / "s")
    victim = next((tmp_path / "s").glob("*.parquet"))
    victim.write_bytes(victim.read_bytes() + b"x")
    with pytest.raises(ValueError, match="is not the table"):
        load_summary(tmp_path / "s")


# ---------------------------------------------------------------- studies on other data


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    "Small tables, none of them those of the studies."
    import numpy as np

    from schoolvar.data.simulate import simulate_counts, simulate_scores, simulate_two_grades

    at = tmp_path_factory.mktemp("tables")
    simulate_scores(25, students=30, seed=3).frame.assign(
        ses=lambda d: np.random.default_rng(1).normal(size=len(d)),
        district_id=lambda d: d.school_id.str[-1],
    ).to_csv(at / "scores.csv", index=False)
    simulate_two_grades(40, years=(2022, 2023, 2024), seed=3).frame.to_csv(
        at / "counts.csv", index=False
    )
    simulate_counts(40, years=(2019, 2020, 2022, 2023), seed=3).frame.to_csv(
        at / "eras.csv", index=False
    )
    for name, column in (("consistency_truth", "seed"), ("value_added_methods", "data_set")):
        stored = pd.read_csv(ROOT / "nbs" / "studies" / "stored" / f"{name}.csv")
        stored[stored[column] % 2 == 0].to_csv(at / f"{name}.csv", index=False)
    shutil.copy(ROOT / "nbs" / "studies" / "stored" / "limits.csv", at)
    shutil.copy(ROOT / "benchmarks" / "results.csv", at)
    return at


RERUNS = [
    ("10_saeb", "scores.csv", dict(school="school_id", score="score")),
    ("15_known_truth", "consistency_truth.csv", {}),
    ("20_pennsylvania", "counts.csv", dict(years="2022-2024", grade=3, later=0)),
    ("30_new_york", "eras.csv", dict(eras="2019-2020;2022-2023", subject="Math", grade=3)),
    ("40_high_school", "scores.csv", dict(score="score", covariate="ses")),
    ("45_chemistry", "scores.csv", dict(score="score", covariate="ses")),
    ("60_value_added_methods", "value_added_methods.csv", {}),
    ("65_limits", "limits.csv", {}),
    ("80_benchmarks", "results.csv", {}),
]


def test_every_study_of_a_table_is_rerun():
    assert [study for study, *_ in RERUNS] == [
        p.stem
        for p in STUDIES
        if any(
            "parameters" in c["metadata"].get("tags", [])
            and re.search("^data =", "".join(c["source"]), re.M)
            for c in cells(p)
        )
    ]


@pytest.mark.parametrize("study, table, parameters", RERUNS)
def test_a_study_reruns_on_another_table(study, table, parameters, tables, tmp_path, capsys):
    from schoolvar.cli.main import main

    with pytest.raises(SystemExit) as end:
        main(
            [
                "rerun",
                str(ROOT / "nbs" / "studies" / f"{study}.ipynb"),
                "--data",
                str(tables / table),
                *(f"--parameter={k}={v}" for k, v in parameters.items()),
                "--workers",
                "1",
                "--out",
                str(tmp_path / "out"),
            ]
        )
    assert not end.value.code, capsys.readouterr().err
    (page,) = (tmp_path / "out").glob(f"{study.replace('_', '-')}*.html")
    assert "<h1" in page.read_text(encoding="utf-8")


# ---------------------------------------------------------------- guides

HEAD = "school_id,year,grade,subject,n_trials,y_success\n"
WRONG = {  # a file or an option -> what is run
    "more.csv": HEAD + "01,2024,3,Math,20,25\n02,2024,3,Math,20,5\n",
    "absent.csv": "school_id,year,grade,subject,tested,y_success\n01,2024,3,Math,20,5\n",
    "text.csv": HEAD + "01,2024,3,Math,N/R,5\n02,2024,3,Math,20,5\n",
    "twice.csv": HEAD + "01,2024,3,Math,20,5\n01,2024,3,Math,21,5\n",
    "grades.csv": HEAD
    + "01,2024,3,Math,20,5\n01,2024,6,Math,21,5\n02,2024,3,Math,20,5\n02,2024,6,Math,21,5\n",
    "year.csv": HEAD + "01,2024,3,Math,20,5\n02,2024,3,Math,21,5\n03,2024,3,Math,21,9\n",
    "subject.csv --model M3": HEAD
    + "01,2024,3,Math,20,5\n02,2024,3,Math,21,5\n01,2023,3,Math,21,9\n02,2023,3,Math,21,9\n",
    "noise.csv": "\0\1\2" * 500,
    "nowhere.csv": None,
    "marks.csv": HEAD + "01,2024,3,Math,1.005,5\n02,2024,3,Math,980,5\n",
    "twins.csv": HEAD + "A1,2024,3,Math,20,5\na1,2024,3,Math,21,5\n02,2024,3,Math,21,5\n",
    "totals.csv": HEAD + "01,2024,3,Math,20,5\n02,2024,3,Math,22,6\nTotal,2024,3,Math,42,11\n",
    "sums.csv": HEAD
    + "".join(f"0{s},2024,3,{k},{20 + s},{5 + s}\n" for s in (1, 2, 3, 4) for k in "MR")
    + "09,2024,3,M,90,30\n09,2024,3,R,90,30\n",
    "shares.csv": HEAD + "".join(f"{s},2024,3,Math,{40 + s},{s % 2}\n" for s in range(11, 30)),
    "page.xls": "<html><table>",
    "year.csv --model M1 --covariates other.csv": None,
    "other.csv": "school_id,ses\nX,1\nY,2\n",
    "year.csv --model M1 --draws 10": None,
    "year.csv --model M1 --engine cmdstan": None,
}


def test_each_quoted_message_is_the_real_one(tmp_path, monkeypatch, capsys):
    from schoolvar.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CMDSTAN", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    said = []
    asked = [["achievement", *k.split()] for k in WRONG] + [
        ["consistency", "year.csv", "--score", "maths"],
        ["consistency", "far.csv"],
        ["report"],
        ["report", "--achievement", "nofit"],
    ]
    (tmp_path / "far.csv").write_text(
        "school_id,score\n"
        + "".join(f"0{i % 3},{50 + i % 17}\n" for i in range(60))
        + "01,-999\n02,-999\n"
    )
    for k, text in WRONG.items():
        if text:
            (tmp_path / k.split()[0]).write_text(text, encoding="utf-8")
    for number, args in enumerate(asked):
        with pytest.raises(SystemExit) as e:
            main([*args, "--out", f"out{number}"])
        assert e.value.code in (2, 3), args
        said.append("".join(capsys.readouterr()))
    page = (ROOT / "guides" / "troubleshoot.qmd").read_text(encoding="utf-8")
    quoted = re.findall(r"^\| `([^`]+)` \|", page, re.M)
    assert len(quoted) >= 13
    for line in quoted:
        parts = [p.strip() for p in line.split("…") if p.strip()]
        assert any(all(p in s for p in parts) for s in said), f"no command says {line!r}"


def commands(page):
    "The shell commands of a page, block by block, as they stand."
    return re.findall(r"^```sh\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)


GUIDES = [
    "guides/your-own-data.qmd",
    "guides/choose-a-model.qmd",
    "guides/every-district.qmd",
    "guides/publish-safely.qmd",
    "guides/cluster.qmd",
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    "A folder that looks like a clone whose environment has been made."
    at = tmp_path_factory.mktemp("clone")
    for name in ("Makefile", "pyproject.toml", "requirements", "nbs"):
        (at / name).symlink_to(ROOT / name)
    home, inside = Path(sys.prefix), at / ".venv"
    (inside / "bin").mkdir(parents=True)
    for p in home.iterdir():
        if p.name != "bin":
            (inside / p.name).symlink_to(p)
    for p in (home / "bin").iterdir():
        if p.name != ".made":
            (inside / "bin" / p.name).symlink_to(p)
    (inside / "bin" / ".made").touch()
    # the files that the guides work on
    for block in commands("guides/your-own-data.qmd")[1:2]:
        subprocess.run(["bash", "-ec", block], cwd=at, check=True, capture_output=True)
    return at


@pytest.mark.slow
@pytest.mark.parametrize("page", GUIDES)
def test_the_commands_of_a_guide_run_as_they_stand(page, clone):
    for block in commands(page):
        r = subprocess.run(
            ["bash", "-ec", block],
            cwd=clone,
            capture_output=True,
            text=True,
            timeout=600,
            env={**os.environ, "CI": "true"},
        )
        if "bad.csv" in block:  # the guide shows how it stops
            assert (
                r.returncode == 2
                and len(r.stderr.strip().splitlines()) == 1
                and not (clone / "fits" / "bad").exists()
            )
        else:
            assert r.returncode == 0, f"{page}\n{block}\n{r.stdout[-600:]}{r.stderr[-1200:]}"


def test_every_command_of_the_guides_has_its_options():
    "Options and columns that the pages name are those of the commands."
    from typer.main import get_command

    from schoolvar.cli.main import app

    known = {
        name: {o for p in c.params for o in [*p.opts, *p.secondary_opts]}
        for name, c in get_command(app).commands.items()
    }
    for page in [*(ROOT / "guides").glob("*.qmd"), ROOT / "README.md", ROOT / "index.qmd"]:
        for name, rest in re.findall(
            r"schoolvar (\w[\w-]*)((?: +[^\n`&|]*)?)", "\n".join(commands(page.relative_to(ROOT)))
        ):
            assert name in known, f"{page.name}: schoolvar {name}"
            for option in re.findall(r"(?<!\S)--[\w-]+", rest):
                assert option in known[name], f"{page.name}: schoolvar {name} {option}"


# ---------------------------------------------------------------- loaders


@pytest.mark.parametrize(
    "name, file",
    [
        ("saeb", "saeb.csv.gz"),
        ("pennsylvania", "pssa_counts.csv.gz"),
        ("new-york", "nyc_counts.csv.gz"),
    ],
)
def test_dataset_from_a_file(shared_data, name, file, monkeypatch):
    from schoolvar.data.datasets import DATASETS, dataset

    frame = dataset(name, shared_data / file)
    assert set(DATASETS[name].columns) <= set(frame) and len(frame) > 10_000
    monkeypatch.setenv("SCHOOLVAR_DATA", str(shared_data))
    assert dataset(name).equals(frame)


def test_dataset_refuses_another_table(shared_data, tmp_path):
    from schoolvar.core.errors import DataError
    from schoolvar.data.datasets import dataset

    frame = pd.read_csv(shared_data / "saeb.csv.gz", dtype={"school_id": str})
    frame.loc[3, "math_proficiency"] += 0.01
    frame.to_csv(tmp_path / "saeb.csv", index=False)
    with pytest.raises(DataError, match="not the data set saeb as published"):
        dataset("saeb", tmp_path / "saeb.csv")


class Quiet(http.server.SimpleHTTPRequestHandler):
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *args):
        pass


def test_dataset_from_a_publisher(shared_data, tmp_path, monkeypatch):
    "The publisher's own workbook over HTTP, checked, and from the cache the second time."
    import dataclasses

    from schoolvar.core.errors import DataError
    from schoolvar.data import datasets

    monkeypatch.delenv("SCHOOLVAR_DATA", raising=False)
    Quiet.asked = []
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(shared_data))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/pssa_school_2019.xlsx"
        counts = pd.read_csv(shared_data / "pssa_counts.csv.gz", dtype={"school_id": str})
        right = datasets.table_sha256(counts[counts.year == 2019], datasets.COUNTS)
        known = datasets.DATASETS["pennsylvania"]
        monkeypatch.setitem(
            datasets.DATASETS,
            "pennsylvania",
            dataclasses.replace(known, urls=(url,), content=right),
        )
        first = datasets.dataset("pennsylvania", folder=tmp_path)
        assert len(first) == (counts.year == 2019).sum()
        datasets.download("pennsylvania", tmp_path)
        assert len(Quiet.asked) == 1, "the second time it comes from the cache"
        monkeypatch.setitem(
            datasets.DATASETS, "pennsylvania", dataclasses.replace(known, urls=(url,))
        )
        with pytest.raises(DataError, match="not the data set"):
            datasets.dataset("pennsylvania", folder=tmp_path)
        monkeypatch.setitem(
            datasets.DATASETS,
            "pennsylvania",
            dataclasses.replace(known, urls=(url + "x",), content=right),
        )
        with pytest.raises(DataError, match="SCHOOLVAR_DATA"):
            datasets.dataset("pennsylvania", folder=tmp_path)
    finally:
        server.shutdown()
        server.server_close()


def test_addresses_name_a_version():
    from schoolvar.data.datasets import DATASETS

    for d in DATASETS.values():
        assert re.fullmatch("[0-9a-f]{64}", d.content)
        assert all(re.search(r"/[0-9a-f]{40}/", u) for u in d.urls)


# ---------------------------------------------------------------- the tools

GOOD = (
    '<!doctype html><html lang="en"><head><title>t</title></head><body><h1 '
    'id="a">T</h1><p>Words.</p>'
    '<a href="#a">up</a><img src="p.png" alt="a picture"></body></html>'
)


@pytest.mark.parametrize(
    "change, said",
    [
        (("p.png", "https://example.org/p.png"), "from outside"),
        (('#a">', '#b">'), "no such place"),
        (('href="#a"', 'href="gone.html"'), "which is not there"),
        ((' alt="a picture"', ""), "without text alternative"),
        (("Words.", "It has occured."), "spelling"),
        (("Words.", "$$x$$"), "was not rendered"),
        (("Words.", r"<math><mi>\pi</mi></math>"), "was not understood"),
        (("Words.", "<pre># [`f`](https://a.org/f)</pre>"), "source of a link"),
        (("Words.", "{{< include x >}}"), "was not rendered"),
        (('<h1 id="a">T</h1>', ""), "first-level headings"),
        ((' lang="en"', ""), "no title or no language"),
        (("<p>", '<div class="cell-output-error"></div><p>'), "failed cell"),
        (("Words.", "<script src='//cdn.example.org/x.js'></script>"), "from outside"),
    ],
)
def test_the_check_finds(tmp_path, change, said):
    from docs import check as docs_check

    (tmp_path / "p.png").write_bytes(b"x")
    (tmp_path / "index.html").write_text(GOOD, encoding="utf-8")
    assert docs_check.check(tmp_path) == []
    assert GOOD.replace(*change) != GOOD
    (tmp_path / "index.html").write_text(GOOD.replace(*change), encoding="utf-8")
    assert any(said in p for p in docs_check.check(tmp_path)), docs_check.check(tmp_path)


def test_the_check_weighs_pages(tmp_path):
    from docs import check as docs_check

    (tmp_path / "p.png").write_bytes(b"x")
    heavy = hashlib.sha256(b"").hexdigest() + "".join(
        hashlib.sha256(str(i).encode()).hexdigest() + " " for i in range(3000)
    )
    (tmp_path / "index.html").write_text(
        GOOD.replace("Words.", f"<pre>{heavy}</pre>"), encoding="utf-8"
    )
    assert any("weighs" in p for p in docs_check.check(tmp_path))
    (tmp_path / "index.html").write_text(
        GOOD.replace(
            "Words.", f'<script type="application/json">{{"description": "{heavy}"}}</script>'
        ),
        encoding="utf-8",
    )
    assert docs_check.check(tmp_path) == [], "numbers of charts do not count"


def test_a_failing_notebook_is_named(tmp_path):
    "The build says which notebook and which cell fails, and leaves no page."
    nb = {
        "cells": [
            {
                "cell_type": "markdown",
                "id": "a",
                "metadata": {},
                "source": "# broken\n\n> It fails",
            },
            {
                "cell_type": "code",
                "id": "b",
                "metadata": {},
                "source": "1 / 0",
                "outputs": [],
                "execution_count": None,
            },
        ],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = ROOT / "nbs" / "explanations" / f"99_broken_{os.getpid()}.ipynb"
    path.write_text(json.dumps(nb), encoding="utf-8")
    try:
        r = subprocess.run(
            [
                sys.executable,
                str(ROOT / "tools" / "docs" / "pre.py"),
                "--one",
                str(path),
                str(tmp_path / "out.ipynb"),
            ],
            capture_output=True,
            text=True,
        )
    finally:
        path.unlink()
    assert r.returncode and f"{path.name}, cell 2" in r.stderr and "ZeroDivisionError" in r.stderr
    assert not (tmp_path / "out.ipynb").exists()


SHOW = [
    path.relative_to(ROOT).as_posix()
    for path in sorted((ROOT / "nbs").glob("**/*.ipynb"))
    if re.search(r"\brenderers\b", path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("name", SHOW)
def test_notebooks_that_choose_how_charts_show_run_as_the_site_runs_them(name):
    "The build has chosen a way before their first cell."
    from docs import pre

    notebook = pre.execute(ROOT / name)
    assert all("error" not in {o.output_type for o in c.get("outputs", [])} for c in notebook.cells)


def test_headings_have_no_gaps():
    from docs import post as docs_post

    text = docs_post.outline(
        "<h2>menu</h2><main><h1>t</h1><h3 id='a'>a</h3><h3>b</h3><h2>c</h2><h3>d</h3><h5 "
        'class="x">e</h5><h2>f</h2></main>'
    )
    assert (
        re.findall(r"<h(\d)", text) == ["2", "1", "2", "2", "2", "3", "4", "2"]
        and 'class="h3"' in text
        and 'class="h5 x"' in text
    )
    assert re.findall(r"</h(\d)", text) == ["2", "1", "2", "2", "2", "3", "4", "2"]


def test_a_comment_of_an_argument_holds_no_address():
    from docs import post as docs_post

    link = "[`Scores`](https://schoolvar.github.io/schoolvar/data/scores.html#scores)"
    text = f"<p>{link}</p><pre><code>data, # e.g. {link}; see (here)</code></pre>"
    plain = f"<p>{link}</p><pre><code>data, # e.g. Scores; see (here)</code></pre>"
    assert docs_post.plain_comments(text) == plain
    assert "# e.g. Scores; see" in docs_post.page(text, "", "https://schoolvar.github.io/schoolvar")


def test_names_without_a_place_lead_to_the_page():
    from docs import post as docs_post

    texts = {
        "docs/a.html": (
            '<a href="b.html#here"><code>x</code></a><a '
            'href="b.html#gone"><code>y</code></a><a href="../c.html#z">w</a>'
        ),
        "docs/b.html": '<p id="here">',
    }
    assert docs_post.places(texts)["docs/a.html"] == (
        '<a href="b.html#here"><code>x</code></a><a href="b.html"><code>y</code></a><a '
        'href="../c.html#z">w</a>'
    )


def test_other_parts_of_the_sidebar_keep_their_heading():
    from docs import post as docs_post

    part = (
        '<li class="sidebar-item sidebar-item-section"><div '
        'class="sidebar-item-container"><a class="sidebar-item-text sidebar-link" '
        'href="reference/{0}.html"><span class="menu-text">{0}</span></a>'
        '<a class="sidebar-item-toggle text-start{1}" '
        'data-bs-target="#quarto-sidebar-section-{0}"><i></i></a></div><ul '
        'id="quarto-sidebar-section-{0}" class="collapse list-unstyled sidebar-section '
        'depth1{2}">'
        '<li class="sidebar-item"><a href="{0}-page.html" '
        'class="sidebar-link">page</a></li></ul></li>'
    )
    text = docs_post.near(
        part.format("one", "", " show")
        + part.format("two", " collapsed", "")
        + part.format("three", " collapsed", "")
    )
    assert re.findall(r'href="([^"]+)"', text) == [
        "reference/one.html",
        "one-page.html",
        "reference/two.html",
        "reference/three.html",
    ]
    assert (
        text.count("sidebar-item-toggle") == 1
        and text.count("</li>") == 4
        and text.count("<div") == text.count("</div>")
    )


def test_a_line_of_source_is_found():
    from docs import post as docs_post

    source = "https://github.com/schoolvar/schoolvar/blob/main/schoolvar/calibration/stored.py"
    block = f'<a href="{source}#LNone">source</a>\n<h3 id="load_summary">{{}}</h3>'
    n = int(re.search(r"stored\.py#L(\d+)", docs_post.lines(block.format("load_summary")))[1])
    assert (
        (ROOT / "schoolvar" / "calibration" / "stored.py")
        .read_text(encoding="utf-8")
        .splitlines()[n - 1]
        .startswith("def load_summary(")
    )
    assert 'stored.py">' in docs_post.lines(block.format("not_there"))


def test_a_tall_title_is_not_cut():
    from docs import gallery as docs_gallery

    svg = (
        '<svg width="100" height="50" viewBox="0 0 100 50"><rect width="100" height="50" '
        'fill="#FFFFFF"/><g stroke-miterlimit="10" transform="translate(5,20)">'
        '<g class="role-title"><g transform="translate(0,{})">'
    )
    assert 'viewBox="0 0 140 50"' in docs_gallery.whole(svg.format(-10))
    assert 'viewBox="0 -34 140 84"' in docs_gallery.whole(svg.format(-50))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A small site through the whole build.

    A library page, a study, an explanation, guides and everything that is generated.
    """
    at = tmp_path_factory.mktemp("project")
    for name in ("tools", "schoolvar", "stan", "guides", "nbs/reports"):
        shutil.copytree(ROOT / name, at / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (
        "_quarto.yml",
        "settings.ini",
        "pyproject.toml",
        "docs.css",
        "index.qmd",
        "404.qmd",
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ):
        shutil.copy(ROOT / name, at / name)
    for name in (
        "sampling/25_fit.ipynb",
        "studies/10_saeb.ipynb",
        "explanations/10_consistency.ipynb",
        "explanations/30_coordinates.ipynb",
    ):
        (at / "nbs" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "nbs" / name, at / "nbs" / name)
    shutil.copytree(ROOT / "nbs" / "studies" / "stored", at / "nbs" / "studies" / "stored")
    rows = [
        r
        for r in (ROOT / "nbs" / "studies" / "checklist.csv")
        .read_text(encoding="utf-8")
        .splitlines()
        if not re.search("20_penn|40_freq|50_how|60_value", r)
    ]
    (at / "nbs" / "studies" / "checklist.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    import nbdev  # noqa: F401  (its configuration is found from the working directory)

    env = {
        **os.environ,
        "SCHOOLVAR_SMALLDOCS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(at),
    }
    r = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.path.insert(0, 'tools'); from docs.__main__ import build; build()",
        ],
        cwd=at,
        env=env,
        capture_output=True,
        text=True,
    )
    assert r.returncode == 0, r.stdout[-2000:] + r.stderr[-4000:]
    return at / "_site"


def test_small_site_is_whole(site):
    from docs import check as docs_check

    # pages that this small site leaves out
    problems = [p for p in docs_check.check(site) if "which is not there" not in p]
    assert problems == []
    assert not [p for p in docs_check.check(site) if " loads " in p]


def test_small_site_has_its_parts(site):
    saeb = (site / "docs" / "studies" / "saeb.html").read_text(encoding="utf-8")
    assert saeb.count('class="sv-chart"') >= 6 and "<math" in saeb and "katex" not in saeb
    front = (site / "index.html").read_text(encoding="utf-8")
    assert 'class="sv-chart"' in front and 'href="example/index.html"' in front
    assert len(list((site / "example" / "districts").glob("*.html"))) == 12 and "imulated" in (
        site / "example" / "index.html"
    ).read_text(encoding="utf-8")
    assert "schoolvar consistency" in (site / "docs" / "commands.html").read_text(encoding="utf-8")
    assert "consistency_schools.stan" in (site / "docs" / "programs.html").read_text(
        encoding="utf-8"
    )
    beside = (site / "docs" / "source" / "programs.js").read_text(encoding="utf-8")
    assert set(json.loads(beside.split(" = ", 1)[1].rstrip(";\n"))) == {
        f.read_text(encoding="utf-8") for f in (ROOT / "stan").glob("**/*.stan*")
    }
    page, code = (
        (site / "docs" / "sampling" / "fit.html").read_text(encoding="utf-8"),
        (ROOT / "schoolvar" / "sampling" / "fit.py").read_text(encoding="utf-8"),
    )
    shown = json.loads(
        (site / "docs" / "source" / "sampling.fit.js")
        .read_text(encoding="utf-8")
        .split(" = ", 1)[1]
        .rstrip(";\n")
    )
    assert (
        len(shown) == page.count("data-source=") > 3
        and (site / "docs" / "source" / "sampling.fit.py.txt").read_text(encoding="utf-8") == code
    )
    absolute = re.sub(
        r"from \.\.(?=\w)",
        "from schoolvar.",
        re.sub(r"from \.(?=\w)", "from schoolvar.sampling.", code),
    )
    assert all(s.strip() in absolute for s in shown)
    # an address that a page had before
    old = (site / "docs" / "fit.html").read_text(encoding="utf-8")
    assert 'href="sampling/fit.html"' in old and old.count("<h1") == 1
    lost = (site / "404.html").read_text(encoding="utf-8")
    assert (
        all(
            u.startswith(("/schoolvar/", "#", "http", "data:"))
            for u in re.findall(r'(?:href|src)="([^"]+)"', lost)
        )
        and 'content="/schoolvar/"' in lost
    )
    assert (site / "llms.txt").is_file() and (site / "search-index.js").read_text(
        encoding="utf-8"
    ).startswith("window.searchIndex = ")
    assert (
        "fetch("
        not in (site / "site_libs" / "smalldocs.js")
        .read_text(encoding="utf-8")
        .split("// ---- search")[1]
        .split("const escapeHtml")[0]
    )


def test_small_site_in_a_browser(site, chromium):
    pytest.importorskip("playwright")
    from docs import browser as docs_browser

    assert (
        docs_browser.check(
            site,
            [
                "index.html",
                "docs/studies/saeb.html",
                "docs/explanations/coordinates.html",
                "docs/sampling/fit.html",
                "docs/gallery.html",
                "guides/your-own-data.html",
            ],
        )
        == []
    )


def test_search_works_from_a_folder(site, chromium):
    pytest.importorskip("playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        with p.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        ) as chrome:
            tab = chrome.new_page(viewport={"width": 1280, "height": 900})
            tab.goto((site / "index.html").as_uri())
            tab.locator(".smalldocs-search input").first.fill("whitening")
            tab.wait_for_selector(".search-result", timeout=10_000)


def test_charts_keep_their_ids(site):
    "The ids come from the charts: a rebuild that changes nothing gives no diff."
    from schoolvar.charts.html import chart_id

    html = (site / "docs" / "studies" / "saeb.html").read_text(encoding="utf-8")
    found = re.findall(
        r'<div class="sv-chart" id="([^"]+)"[^>]*><script type="application/json">(.*?)</script>',
        html,
        re.S,
    )
    assert found and all(chart_id(json.loads(spec)) == known for known, spec in found)
