"The site: every notebook has its place, stored summaries match the code, the checklist leads somewhere, and pages are whole."
import csv
import functools
import hashlib
import http.server
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import threading

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
    return list(csv.DictReader((ROOT / "nbs" / "studies" / "checklist.csv").read_text(encoding="utf-8").splitlines()))


# ---------------------------------------------------------------- what is on the site

def test_every_library_notebook_is_in_the_sidebar():
    import docs_pages
    text = (ROOT / "_quarto.yml").read_text(encoding="utf-8")
    assert docs_pages.sidebar_text(text) == text, "run `.venv/bin/python tools/docs.py sidebar`"
    for path in (ROOT / "nbs").glob("*.ipynb"):
        import docs_pre
        assert f"docs/{docs_pre.module(path)}.ipynb" in text


def test_every_study_and_explanation_is_in_the_sidebar():
    import docs_pre
    text = (ROOT / "_quarto.yml").read_text(encoding="utf-8")
    assert [n for n in docs_pre.notebooks().values() if f"- docs/{n}.ipynb" not in text] == []
    assert [g.name for g in (ROOT / "guides").glob("*.qmd") if f"- guides/{g.name}" not in text] == []


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
def test_a_study_says_what_it_needs(path):
    text = source(path)
    for said in ("**Data**", "**Running time**", f"papermill nbs/studies/{path.name}", "--cwd nbs/studies", " -p "):
        assert said in text, f"{path.name} does not say {said}"
    parameters = next("".join(c["source"]) for c in cells(path) if "parameters" in c["metadata"].get("tags", []))
    names = set(re.findall(r"^(\w+) =", parameters, re.M))
    command = re.search(r"papermill nbs/studies[^\n]*", text)[0]
    assert set(re.findall(r"-p (\w+)", command)) <= names, "the rerun command sets a parameter that is not there"


def test_checklist_leads_to_cells():
    rows = checklist()
    assert {r["document"] for r in rows} == {"consistency", "achievement"}
    for r in rows:
        assert r["item"] and r["published"] and r["status"].split(" (")[0] in ("same", "differs", "stands in", "cannot"), r
        if r["status"].startswith("cannot"):
            assert r["why"] and not r["notebook"], r
            continue
        path = ROOT / "nbs" / (r["notebook"] if "/" in r["notebook"] else f"studies/{r['notebook']}")
        labels = re.findall(r"^#\| label: (\S+)$", source(path.with_suffix(".ipynb")), re.M)
        assert r["cell"] in labels, f"{r['item']}: no cell {r['cell']} in {r['notebook']}"


@pytest.mark.parametrize("document, needed", [
    ("consistency", ["Figure 1", "Figure 2A", "Figure 2B", "Figure 3A", "Figure 3B", "Equations"]),
    ("achievement", ["full decomposition", "latent decomposition", "leave-one-out", "caterpillar", "trace plots", "Convergence", "school SD", "comparison of the two approaches"])])
def test_checklist_has_every_figure_and_table(document, needed):
    items = " ".join(r["item"] for r in checklist() if r["document"] == document)
    assert not [n for n in needed if n not in items]


# ---------------------------------------------------------------- stored summaries

@pytest.mark.parametrize("folder", STORED, ids=lambda p: p.name)
def test_stored_summary_matches_the_code(folder):
    from schoolvar.stored import load_summary, stale_programs
    tables, manifest = load_summary(folder)
    assert stale_programs(manifest) == [], f"run `.venv/bin/python tools/studies.py {folder.name}`"
    for key in ("made", "seconds", "settings", "data", "programs", "versions", "command"):
        assert manifest[key], f"{folder.name} does not say {key}"
    assert "seed" in manifest["settings"] and all(len(t) for t in tables.values())


def test_a_changed_table_is_noticed(tmp_path):
    from schoolvar.stored import load_summary
    shutil.copytree(STORED[0], tmp_path / "s")
    victim = next((tmp_path / "s").glob("*.parquet"))
    victim.write_bytes(victim.read_bytes() + b"x")
    with pytest.raises(ValueError, match="is not the table"):
        load_summary(tmp_path / "s")


# ---------------------------------------------------------------- loaders

@pytest.mark.parametrize("name, file", [("saeb", "saeb.csv.gz"), ("pennsylvania", "pssa_counts.csv.gz"), ("new-york", "nyc_counts.csv.gz")])
def test_dataset_from_a_file(shared_data, name, file, monkeypatch):
    from schoolvar.datasets import DATASETS, dataset
    frame = dataset(name, shared_data / file)
    assert set(DATASETS[name].columns) <= set(frame) and len(frame) > 10_000
    monkeypatch.setenv("SCHOOLVAR_DATA", str(shared_data))
    assert dataset(name).equals(frame)


def test_dataset_refuses_another_table(shared_data, tmp_path):
    from schoolvar.data import DataError
    from schoolvar.datasets import dataset
    frame = pd.read_csv(shared_data / "saeb.csv.gz", dtype={"school_id": str})
    frame.loc[3, "math_proficiency"] += .01
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
    from schoolvar import datasets
    from schoolvar.data import DataError
    monkeypatch.delenv("SCHOOLVAR_DATA", raising=False)
    Quiet.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(shared_data)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/pssa_school_2019.xlsx"
        counts = pd.read_csv(shared_data / "pssa_counts.csv.gz", dtype={"school_id": str})
        right = datasets.table_sha256(counts[counts.year == 2019], datasets.COUNTS)
        known = datasets.DATASETS["pennsylvania"]
        monkeypatch.setitem(datasets.DATASETS, "pennsylvania", dataclasses.replace(known, urls=(url,), content=right))
        first = datasets.dataset("pennsylvania", folder=tmp_path)
        assert len(first) == (counts.year == 2019).sum()
        datasets.download("pennsylvania", tmp_path)
        assert len(Quiet.asked) == 1, "the second time it comes from the cache"
        monkeypatch.setitem(datasets.DATASETS, "pennsylvania", dataclasses.replace(known, urls=(url,)))
        with pytest.raises(DataError, match="not the data set"):
            datasets.dataset("pennsylvania", folder=tmp_path)
        monkeypatch.setitem(datasets.DATASETS, "pennsylvania", dataclasses.replace(known, urls=(url + "x",), content=right))
        with pytest.raises(DataError, match="SCHOOLVAR_DATA"):
            datasets.dataset("pennsylvania", folder=tmp_path)
    finally:
        server.shutdown()
        server.server_close()


def test_addresses_name_a_version():
    from schoolvar.datasets import DATASETS
    for d in DATASETS.values():
        assert re.fullmatch("[0-9a-f]{64}", d.content)
        assert all(re.search(r"/[0-9a-f]{40}/", u) for u in d.urls)


# ---------------------------------------------------------------- the tools

GOOD = ('<!doctype html><html lang="en"><head><title>t</title></head><body><h1 id="a">T</h1><p>Words.</p>'
        '<a href="#a">up</a><img src="p.png" alt="a picture"></body></html>')


@pytest.mark.parametrize("change, said", [
    (("p.png", "https://example.org/p.png"), "from outside"), (("#a\">", "#b\">"), "no such place"), (('href="#a"', 'href="gone.html"'), "which is not there"),
    ((' alt="a picture"', ""), "without text alternative"), (("Words.", "It has occured."), "spelling"), (("Words.", "$$x$$"), "was not rendered"),
    (("Words.", "{{< include x >}}"), "was not rendered"), (('<h1 id="a">T</h1>', ""), "first-level headings"), ((' lang="en"', ""), "no title or no language"),
    (("<p>", '<div class="cell-output-error"></div><p>'), "failed cell"), (("Words.", "<script src='//cdn.example.org/x.js'></script>"), "from outside")])
def test_the_check_finds(tmp_path, change, said):
    import docs_check
    (tmp_path / "p.png").write_bytes(b"x")
    (tmp_path / "index.html").write_text(GOOD, encoding="utf-8")
    assert docs_check.check(tmp_path) == []
    assert GOOD.replace(*change) != GOOD
    (tmp_path / "index.html").write_text(GOOD.replace(*change), encoding="utf-8")
    assert any(said in p for p in docs_check.check(tmp_path)), docs_check.check(tmp_path)


def test_the_check_weighs_pages(tmp_path):
    import docs_check
    (tmp_path / "p.png").write_bytes(b"x")
    heavy = hashlib.sha256(b"").hexdigest() + "".join(hashlib.sha256(str(i).encode()).hexdigest() + " " for i in range(3000))
    (tmp_path / "index.html").write_text(GOOD.replace("Words.", f"<pre>{heavy}</pre>"), encoding="utf-8")
    assert any("weighs" in p for p in docs_check.check(tmp_path))
    (tmp_path / "index.html").write_text(GOOD.replace("Words.", f'<script type="application/json">{{"description": "{heavy}"}}</script>'), encoding="utf-8")
    assert docs_check.check(tmp_path) == [], "numbers of charts do not count"


def test_a_failing_notebook_is_named(tmp_path):
    "The build says which notebook and which cell fails, and leaves no page."
    nb = {"cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# broken\n\n> It fails"},
                    {"cell_type": "code", "id": "b", "metadata": {}, "source": "1 / 0", "outputs": [], "execution_count": None}],
          "metadata": {"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    path = ROOT / "nbs" / "explanations" / f"99_broken_{os.getpid()}.ipynb"
    path.write_text(json.dumps(nb), encoding="utf-8")
    try:
        r = subprocess.run([sys.executable, str(ROOT / "tools" / "docs_pre.py"), "--one", str(path), str(tmp_path / "out.ipynb")], capture_output=True, text=True)
    finally:
        path.unlink()
    assert r.returncode and f"{path.name}, cell 2" in r.stderr and "ZeroDivisionError" in r.stderr
    assert not (tmp_path / "out.ipynb").exists()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    "A small site through the whole build: a library page, a study, an explanation, guides and everything that is generated."
    at = tmp_path_factory.mktemp("project")
    for name in ("tools", "schoolvar", "stan", "guides"):
        shutil.copytree(ROOT / name, at / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_quarto.yml", "settings.ini", "pyproject.toml", "docs.css", "index.qmd", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, at / name)
    for name in ("13_fit.ipynb", "studies/10_saeb.ipynb", "explanations/10_consistency.ipynb", "explanations/30_coordinates.ipynb"):
        (at / "nbs" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "nbs" / name, at / "nbs" / name)
    shutil.copytree(ROOT / "nbs" / "studies" / "stored", at / "nbs" / "studies" / "stored")
    rows = [r for r in (ROOT / "nbs" / "studies" / "checklist.csv").read_text(encoding="utf-8").splitlines() if "20_penn" not in r and "40_freq" not in r]
    (at / "nbs" / "studies" / "checklist.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    import nbdev  # noqa: F401  (its configuration is found from the working directory)
    env = {**os.environ, "SCHOOLVAR_SMALLDOCS": "1", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(at)}
    r = subprocess.run([sys.executable, "-c", "import sys; sys.path.insert(0, 'tools'); import docs; docs.build()"], cwd=at, env=env, capture_output=True, text=True)
    assert r.returncode == 0, r.stdout[-2000:] + r.stderr[-4000:]
    return at / "_site"


def test_small_site_is_whole(site):
    import docs_check
    problems = [p for p in docs_check.check(site) if "which is not there" not in p]     # pages that this small site leaves out
    assert problems == []
    assert not [p for p in docs_check.check(site) if " loads " in p]


def test_small_site_has_its_parts(site):
    saeb = (site / "docs" / "studies" / "saeb.html").read_text(encoding="utf-8")
    assert saeb.count('class="sv-chart"') >= 6 and "<math" in saeb and "katex" not in saeb
    assert 'class="sv-chart"' in (site / "index.html").read_text(encoding="utf-8")
    assert "schoolvar consistency" in (site / "docs" / "commands.html").read_text(encoding="utf-8")
    assert "consistency_schools.stan" in (site / "docs" / "programs.html").read_text(encoding="utf-8")
    assert (site / "llms.txt").is_file() and (site / "search-index.js").read_text(encoding="utf-8").startswith("window.searchIndex = ")
    assert "fetch(" not in (site / "site_libs" / "smalldocs.js").read_text(encoding="utf-8").split("// ---- search")[1].split("const escapeHtml")[0]


def test_small_site_in_a_browser(site, chromium):
    pytest.importorskip("playwright")
    import docs_browser
    assert docs_browser.check(site, ["index.html", "docs/studies/saeb.html", "docs/explanations/coordinates.html", "docs/fit.html", "docs/gallery.html", "guides/your-own-data.html"]) == []


def test_search_works_from_a_folder(site, chromium):
    pytest.importorskip("playwright")
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        with p.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]) as chrome:
            tab = chrome.new_page(viewport={"width": 1280, "height": 900})
            tab.goto((site / "index.html").as_uri())
            tab.locator(".smalldocs-search input").first.fill("whitening")
            tab.wait_for_selector(".search-result", timeout=10_000)


def test_charts_keep_their_ids(site):
    "The ids come from the charts: a rebuild that changes nothing gives no diff."
    from schoolvar.chart_pages import chart_id
    html = (site / "docs" / "studies" / "saeb.html").read_text(encoding="utf-8")
    found = re.findall(r'<div class="sv-chart" id="([^"]+)"[^>]*><script type="application/json">(.*?)</script>', html, re.S)
    assert found and all(chart_id(json.loads(spec)) == known for known, spec in found)
