"Reports from fit folders: right, whole, resumable, readable by everyone."

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from conftest import absent
from outside import reseal

from schoolvar.core.files import FolderError
from schoolvar.report import build as reports
from schoolvar.report import district
from schoolvar.report.build import render_reports
from schoolvar.report.disclosure import DisclosurePolicy
from schoolvar.report.example import example_fits
from schoolvar.report.labels import Labels
from schoolvar.report.publication import ReportError, publish

SRC = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("CI", "true")


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    return example_fits(tmp_path_factory.mktemp("fits"))


@pytest.fixture(scope="module")
def made(fits, tmp_path_factory):
    "Two districts in both languages and every format."
    out = tmp_path_factory.mktemp("made") / "out"
    return render_reports(
        out,
        **fits,
        districts=["SIM01", "SIM03"],
        languages=("en", "fr"),
        formats=("xlsx", "pdf", "notebook"),
        workers=1,
    )


def pages(out):
    return {
        p.name: p.read_text(encoding="utf-8") for p in sorted((out / "districts").glob("*.html"))
    }


def test_a_page_a_district_and_language(made):
    assert not made.failed and len(made.reports) == 4
    for name in ("index.html", "index.fr.html", "manifest.json", "assets/schoolvar-charts.js"):
        assert (made.out / name).is_file()
    found = pages(made.out)
    assert len(found) == 4 and all(
        ('<html lang="fr">' in t) == (".fr." in n) for n, t in found.items()
    )
    for suffix in ("xlsx", "pdf"):
        assert len(list((made.out / "districts").glob(f"*.{suffix}"))) == 4
    assert len(list(made.out.glob("*.ipynb"))) == 4


def test_every_page_says_that_the_data_are_simulated(made):
    for name, text in {
        **pages(made.out),
        **{p.name: p.read_text(encoding="utf-8") for p in made.out.glob("index*.html")},
    }.items():
        assert Labels("fr" if ".fr." in name else "en")("page.simulated") in text, name


def test_pages_load_nothing_from_outside(made):
    for text in pages(made.out).values():
        assert "Content-Security-Policy" in text and "default-src 'none'" in text
        for ref in re.findall(r'(?:src|href)="([^"]*)"', text):
            assert not re.match(r"(https?:)?//", ref), ref
        for ref in re.findall(r'(?:src|href)="([^"#]+)"', text):
            if not ref.startswith("data:"):
                assert (made.out / "districts" / ref).resolve().is_file(), ref


def test_pages_hold_no_code(made):
    for text in pages(made.out).values():
        assert "load_publication" not in text and "Traceback" not in text


def test_page_weight(made):
    "Ten schools with all three parts, beside the shared bundle; real provinces are benchmarked."
    assert max(len(t.encode()) for t in pages(made.out).values()) < 70_000


def test_numbers_on_the_page_are_those_of_the_fit(made, fits):
    schools = pd.read_csv(fits["achievement"] / "schools.csv")
    text = next(t for n, t in pages(made.out).items() if n.startswith("sim01") and ".fr." not in n)
    district = publish(fits, DisclosurePolicy.named("us")).district("SIM01").tables["achievement"]
    for row in district[district.state == ""].itertuples():
        mine = schools[schools.school == row.school].iloc[0]
        if abs(mine.estimate - row.estimate) > 1e-9:
            continue  # given as a limit only
        line = re.search(rf'<th scope="row">{re.escape(row.name)}</th>(.*?)</tr>', text).group(1)
        assert f"{round(mine.estimate * 100):.0f}\u00a0%" in line and f"{mine.n_trials:,}" in line


def test_echoed_parameters_must_be_those_asked_for(fits, tmp_path, monkeypatch):
    "A template whose parameters lost their tag runs with its defaults: that is not to be a page."
    nb = nbformat.read(SRC / "nbs/reports/district.ipynb", 4)
    for cell in nb.cells:
        cell.metadata.pop("tags", None)
    broken = tmp_path / "district.ipynb"
    nbformat.write(nb, broken)
    plain = district.template
    monkeypatch.setattr(
        district, "template", lambda name: broken if name == "district.ipynb" else plain(name)
    )
    import logging

    logging.getLogger("papermill").setLevel("ERROR")
    result = render_reports(tmp_path / "out", **fits, districts=["SIM02"], formats=(), workers=1)
    assert result.failed == ["SIM02"] and "asked was" in result.reports[0]["error"]
    assert (
        not list((tmp_path / "out" / "districts").glob("*"))
        if (tmp_path / "out" / "districts").exists()
        else True
    )


def test_one_failing_district_leaves_the_others(fits, tmp_path, monkeypatch):
    plain = district.run_notebook

    def run(task, home, engine="schoolvar"):
        nb, error = plain(task, home, engine)
        return nb, "ValueError: planted" if task.key == "SIM02" else error

    monkeypatch.setattr(district, "run_notebook", run)
    result = render_reports(
        tmp_path / "out", **fits, districts=["SIM01", "SIM02"], formats=(), workers=1
    )
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert result.failed == ["SIM02"] and {
        r["district"]: r["status"] for r in manifest["reports"]
    } == {"SIM01": "ready", "SIM02": "failed"}
    assert (
        len(list((tmp_path / "out" / "failed").glob("*.ipynb"))) == 1
        and len(pages(tmp_path / "out")) == 1
    )
    # mended: only the failed one is made again
    monkeypatch.setattr(district, "run_notebook", plain)
    again = render_reports(
        tmp_path / "out", **fits, districts=["SIM01", "SIM02"], formats=(), workers=1
    )
    assert (
        not again.failed
        and [r["reused"] for r in again.reports] == [True, False]
        and not (tmp_path / "out" / "failed").exists()
        or not list((tmp_path / "out" / "failed").glob("*"))
    )


def test_made_again_the_files_are_the_same(made, fits, tmp_path):
    other = render_reports(
        tmp_path / "out",
        **fits,
        districts=["SIM01"],
        languages=("en", "fr"),
        formats=("xlsx", "pdf", "notebook"),
        workers=1,
    )
    for r in other.reports:
        for name in r["files"]:
            assert (tmp_path / "out" / name).read_bytes() == (made.out / name).read_bytes(), name


def test_a_page_is_taken_over_unless_it_was_changed(fits, tmp_path):
    "A page that somebody changed is theirs: nothing is replaced, and one line says which it is."
    first = render_reports(tmp_path / "out", **fits, districts=["SIM04"], formats=(), workers=1)
    page = tmp_path / "out" / next(iter(first.reports[0]["files"]))
    good = page.read_bytes()
    assert render_reports(
        tmp_path / "out", **fits, districts=["SIM04"], formats=(), workers=1
    ).reports[0]["reused"]
    page.write_text("my words")
    with pytest.raises(FolderError, match="which was changed since schoolvar wrote it"):
        render_reports(tmp_path / "out", **fits, districts=["SIM04"], formats=(), workers=1)
    assert page.read_text() == "my words"
    page.write_bytes(good)
    assert render_reports(
        tmp_path / "out", **fits, districts=["SIM04"], formats=(), workers=1
    ).reports[0]["reused"]


def test_what_others_put_into_the_folder_stays(fits, tmp_path):
    out = tmp_path / "out"
    render_reports(out, **fits, districts=["SIM04"], formats=(), workers=1)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(FolderError, match="holds notes.txt, which schoolvar did not write"):
        render_reports(out, **fits, districts=["SIM02"], formats=(), workers=1)
    assert (out / "notes.txt").read_text() == "mine" and [n[:5] for n in pages(out)] == ["sim04"]


RUN = """
import sys, time
from schoolvar.report import build as reports
plain = reports.make_report
def slow(*a): time.sleep(float(sys.argv[4])); return plain(*a)
reports.make_report = slow
if __name__ == "__main__":
    how = dict(formats=(), workers=int(sys.argv[3]))
    r = reports.render_reports(sys.argv[1], achievement=sys.argv[2], **how)
    print(r.sentence, sum(x["reused"] for x in r.reports), len(r.failed))
"""


def start(out, fits, workers=1, wait=0.0):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(out), str(fits["achievement"]), str(workers), str(wait)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_run_resumes(fits, tmp_path):
    out = tmp_path / "out"
    first = start(out, fits, wait=0.3)
    deadline = time.time() + 240
    while (
        time.time() < deadline
        and len(list(tmp_path.glob(".out.schoolvar-*/new/.status/*.json"))) < 2
    ):
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not out.exists() and len(list(tmp_path.glob(".out.schoolvar-*/new/.status/*.json"))) >= 2
    second = start(out, fits)
    said, err = second.communicate(timeout=300)
    assert second.returncode == 0, err
    assert (
        int(said.split()[-2]) >= 2
        and len(pages(out)) == 4
        and [p.name for p in tmp_path.iterdir()] == ["out"]
    )


def test_two_runs_into_one_folder(fits, tmp_path):
    out = tmp_path / "out"
    runs = [start(out, fits) for _ in range(2)]
    for r in runs:
        _, err = r.communicate(timeout=400)
        assert r.returncode == 0, err
    manifest = json.loads((out / "manifest.json").read_text())
    import hashlib

    for r in manifest["reports"]:
        for name, sha in r["files"].items():
            assert hashlib.sha256((out / name).read_bytes()).hexdigest() == sha


SLOWLY = """
import os, time
from schoolvar.report import build, district
_plain = district.make_report


def make(task, *data):
    open(os.path.join(os.environ["MARK"], f"{os.getpid()}"), "a").close()
    time.sleep(0.5)
    return _plain(task, *data)
"""
RENDER_SLOWLY = """
import sys
import slowly
from schoolvar.report import build

build.make_report = slowly.make
out, achievement, consistency, scheduler = sys.argv[1:]
fits = dict(achievement=achievement, consistency=consistency)
made = build.render_reports(out, **fits, formats=(), scheduler=scheduler)
print(len(made.failed), len(made.reports), *{report["error"] for report in made.reports})
"""


@contextlib.contextmanager
def dask_cluster(folder, env):
    "A real scheduler with two worker processes on loopback: its address, and the workers."
    address = f"tcp://127.0.0.1:{20000 + os.getpid() % 20000}"
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env, cwd=folder)

    def start(program, *arguments):
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", "--no-dashboard"]
        return subprocess.Popen([*command, *arguments], **quiet)

    processes = [start("scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2])]
    try:
        for _ in range(2):
            processes.append(start("worker", address, "--nthreads", "1", "--no-nanny"))
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_dask_cluster_that_exists_and_a_worker_that_dies(fits, tmp_path):
    "One of two workers is killed while it works; every report is made."
    mark = tmp_path / "mark"
    mark.mkdir()
    env = os.environ | {"PYTHONPATH": str(tmp_path), "MARK": str(mark)}
    (tmp_path / "slowly.py").write_text(SLOWLY)
    with dask_cluster(tmp_path, env) as (address, workers):
        folders = map(str, (tmp_path / "out", fits["achievement"], fits["consistency"]))
        run = subprocess.Popen(
            [sys.executable, "-c", RENDER_SLOWLY, *folders, address],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
            cwd=tmp_path,
        )
        deadline = time.time() + 240
        while time.time() < deadline and not list(mark.iterdir()):
            time.sleep(0.05)
        victim = int(next(mark.iterdir()).name)
        assert victim in [worker.pid for worker in workers]
        os.kill(victim, signal.SIGKILL)
        said, err = run.communicate(timeout=400)
        assert run.returncode == 0 and said.split() == ["0", "4"], said + err[-2000:]


def test_local_processes(fits, tmp_path):
    result = render_reports(
        tmp_path / "out", achievement=fits["achievement"], formats=(), workers=2
    )
    assert not result.failed and len(pages(tmp_path / "out")) == 4


def test_a_full_disk(fits, tmp_path):
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        absent("root", "mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2500k", "tmpfs", str(disk)], capture_output=True
    ).returncode:
        absent("root", "no small disk can be mounted here")
    try:

        def report(*more):
            return subprocess.run(
                [
                    sys.executable,
                    "-c",
                    "from schoolvar.cli.main import main; main()",
                    "report",
                    "--achievement",
                    str(fits["achievement"]),
                    "--workers",
                    "1",
                    "--out",
                    str(disk / "out"),
                    *more,
                ],
                capture_output=True,
                text=True,
            )

        assert report("--formats", "", "--district", "SIM01").returncode == 0
        before = {p: p.read_bytes() for p in (disk / "out").rglob("*") if p.is_file()}
        full = report("--formats", "xlsx,pdf", "--standalone")
        assert (
            full.returncode == 2
            and "disk is full" in full.stderr
            and len(full.stderr.strip().splitlines()) == 1
        ), full.stderr
        assert {p: p.read_bytes() for p in (disk / "out").rglob("*") if p.is_file()} == before and [
            p.name for p in disk.iterdir()
        ] == ["out"]
    finally:
        subprocess.run(["umount", str(disk)])


def test_wrong_wishes_are_told(fits, tmp_path):
    for wish, message in (
        (dict(districts=["nowhere"]), "no district 'nowhere'"),
        (dict(formats=("docx",)), "choose from"),
    ):
        with pytest.raises(ReportError, match=message):
            render_reports(tmp_path / "out", **fits, **wish)
    with pytest.raises(ReportError, match="at least one fit"):
        render_reports(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_schools_without_a_district_get_a_page(fits, tmp_path):
    "Scores of schools that the counts do not know, as where two data sets meet in one report."
    folder = shutil.copytree(fits["consistency"], tmp_path / "consistency")
    schools = pd.read_csv(folder / "schools.csv").drop(columns=["district", "school_name"]).head(12)
    schools["school"] = [f"{i}" for i in range(12)]
    schools.to_csv(folder / "schools.csv", index=False)
    reseal(folder)
    result = render_reports(
        tmp_path / "out",
        achievement=fits["achievement"],
        consistency=folder,
        districts=["", "SIM01"],
        formats=(),
        workers=1,
    )
    assert not result.failed and "no-district.html" in pages(tmp_path / "out")
    alone = render_reports(tmp_path / "alone", consistency=folder, formats=(), workers=1)
    assert (
        "All schools" in next(iter(pages(tmp_path / "alone").values())) and len(alone.reports) == 1
    )


def test_failing_diagnostics_show_on_every_page(fits, tmp_path):
    folder = shutil.copytree(fits["achievement"], tmp_path / "fit")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["diagnostics"]["ok"] = False
    (folder / "manifest.json").write_text(json.dumps(manifest))
    reseal(folder)
    result = render_reports(
        tmp_path / "out", achievement=folder, districts=["SIM01"], formats=(), workers=1
    )
    assert not result.ok
    for text in [*pages(tmp_path / "out").values(), (tmp_path / "out" / "index.html").read_text()]:
        assert "do not rely on its estimates" in text


def test_templates_run_as_they_are():
    import papermill

    from schoolvar.report import notebook as inprocess

    papermill.execute_notebook(
        str(SRC / "nbs/reports/district.ipynb"),
        None,
        engine_name=inprocess.ENGINE,
        progress_bar=False,
    )


def test_a_kernel_gives_the_same_report(fits, tmp_path):
    "The engine of the package and an ordinary Jupyter kernel run the same notebook."
    from schoolvar.report.html import notebook_body
    from schoolvar.report.publication import save_publication

    save_publication(
        publish({"achievement": fits["achievement"]}, DisclosurePolicy.named("us")),
        tmp_path / "data",
    )
    task = district.Task("SIM01", "sim01", "en", "", ("en",), (), False, "2026-01-01")
    district.preload()
    bodies = []
    for engine in ("schoolvar", None):
        nb, error = district.run_notebook(task, tmp_path, engine)
        assert error is None
        bodies.append(notebook_body(nb))
    assert bodies[0] == bodies[1]


SPOKEN = (
    "aria-label",
    "title",
    "alt",
    "data-menu",
    "data-png",
    "data-svg",
    "data-one",
    "data-other",
)


def words_of(node):
    "Titles, texts and values of a chart's specification."
    for value in node if isinstance(node, list) else ():
        yield from words_of(value)
    for name, value in node.items() if isinstance(node, dict) else ():
        yield from words_of_entry(name, value)


def words_of_entry(name, value):
    if isinstance(value, str) and name in ("title", "description", "alt"):
        yield value
    elif isinstance(value, str) and name == "values":
        yield from value.replace("\n", ",").split(",")
    elif name == "table":
        yield from value.values()
    elif isinstance(value, list) and name in ("text", "domain"):
        yield from (word for word in value if isinstance(word, str))
    else:
        yield from words_of(value)


class Shown(HTMLParser):
    "What a page shows or speaks: text, attributes for screen readers, words of charts."

    def __init__(self):
        super().__init__()
        self.found, self.inside = [], ""

    def handle_starttag(self, tag, attrs):
        self.inside = dict(attrs).get("type", "") if tag == "script" else tag
        self.found += [value for name, value in attrs if name in SPOKEN]

    def handle_data(self, data):
        if self.inside == "application/json":
            self.found += words_of(json.loads(data))
        elif data.strip():
            self.found.append(data.strip())

    def handle_endtag(self, tag):
        self.inside = ""


def shown_text(page):
    "What a page shows or speaks, once each."
    reader = Shown()
    reader.feed(page)
    return list(dict.fromkeys(reader.found))


def english_in(texts_shown):
    """Labels of the English catalogue that stand in the texts.

    Whole ones, and longer ones inside a sentence, with anything in their fields.
    """
    from schoolvar.report.labels import catalogue

    def each(language):
        entries = catalogue(language).values()
        return {t for v in entries for t in (v.values() if isinstance(v, dict) else [v])}

    # the link to the other language is in that language
    english = {t for t in each("en") - each("fr") if len(re.sub(r"\{.*?\}|\W", "", t)) > 2} - {
        "English"
    }
    patterns = {
        t: re.compile(
            r"(?<!\w)"
            + re.sub(r"\\\{.*?\\\}", ".{1,60}", re.escape(t)).replace("\\ ", r"\s")
            + r"(?!\w)"
        )
        for t in english
    }
    return {
        t: s
        for s in texts_shown
        for t, p in patterns.items()
        if (p.search(s) if " " in t else p.fullmatch(s))
    }


def test_a_french_page_is_french(made):
    seen = 0
    for name, text in {
        **pages(made.out),
        "index.fr.html": (made.out / "index.fr.html").read_text(encoding="utf-8"),
    }.items():
        if ".fr." in name:
            found = english_in(shown_text(text))
            seen += 1
            assert not found, (name, found)
        else:
            assert len(english_in(shown_text(text))) > 15, (
                "the search finds them on an English page"
            )
    assert seen >= 2


def test_altair_draws_a_kind_of_chart_once(fits, monkeypatch):
    "The second district's charts are filled in: where nine tenths of a report's time went."
    from schoolvar.report import figures

    p, L = publish(fits, DisclosurePolicy.named("us")), Labels("en")
    plots = (
        figures.plot_estimates,
        figures.plot_spreads,
        figures.plot_value,
        figures.plot_funnel,
        figures.plot_vee,
        figures.plot_shares,
    )

    def draw(key):
        return [chart for plot in plots if (chart := plot(p.district(key), L))]

    first = {json.dumps(c.to_dict()) for key in p.districts.key for c in draw(key)}

    def never(*args, **kwargs):
        raise AssertionError("Altair was asked again")

    for name in ("Chart", "layer", "Color", "X"):
        monkeypatch.setattr(figures.alt, name, never)
    assert {
        json.dumps(c.to_dict(validate=False)) for key in p.districts.key for c in draw(key)
    } == first


def test_priors_in_french(made):
    text = next(t for n, t in pages(made.out).items() if ".fr." in n)
    assert "demi-Normale(0 ; 1)" in text and "half-" not in text


# Accessibility: axe-core in a real browser, on every kind of page

AXE_RULES = {
    "preload": False,
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    },
}


@pytest.fixture(scope="module")
def browser():
    try:
        import axe_playwright_python  # noqa: F401
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("chromium", "playwright and axe-playwright-python are not installed")
    path = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    ) or absent("chromium", "no Chromium on this machine")
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        yield browser
        browser.close()


def axe(page):
    import axe_playwright_python

    page.evaluate(
        (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    )
    return page.evaluate("rules => axe.run(document, rules)", AXE_RULES)["violations"]


def open_page(browser, path, width=1280, scheme="light"):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, bypass_csp=True
    )
    page = context.new_page()
    trouble = []
    page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: trouble.append(str(e)))
    page.on(
        "request",
        lambda r: (
            trouble.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None
        ),
    )
    page.goto(path.resolve().as_uri())
    page.wait_for_function(
        "() => [...document.querySelectorAll('.sv-chart')].every(c => c.dataset.drawn)",
        timeout=90_000,
    )
    return context, page, trouble


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("kind", ["index", "district"])
def test_axe_finds_nothing(browser, made, kind, language, scheme):
    suffix = "" if language == "en" else ".fr"
    path = (
        made.out / f"index{suffix}.html"
        if kind == "index"
        else next(
            p
            for p in (made.out / "districts").glob("sim03*.html")
            if (".fr." in p.name) == bool(suffix)
        )
    )
    context, page, trouble = open_page(browser, path, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.wait_for_timeout(200)
    found = axe(page)
    assert not found, "\n".join(
        f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in found
    )
    assert (
        page.evaluate(
            "[...document.querySelectorAll('.sv-chart')].every(c => c.dataset.drawn === 'yes')"
        )
        and not trouble
    )
    context.close()


def test_policy_of_the_page_lets_the_charts_draw(browser, made):
    "As a reader opens it: policy enforced, offline, from a folder."
    path = next(p for p in (made.out / "districts").glob("sim01*.html") if ".fr." not in p.name)
    context = browser.new_context(offline=True)
    page = context.new_page()
    trouble = []
    page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
    page.goto(path.as_uri())
    page.wait_for_function(
        "() => [...document.querySelectorAll('.sv-chart')].every(c => c.dataset.drawn)",
        timeout=90_000,
    )
    assert (
        page.locator("svg.marks").count() == page.locator(".sv-chart").count() >= 6 and not trouble
    )
    grey = page.evaluate(
        "document.querySelectorAll('svg.marks')[1].querySelectorAll('path').length"
    )
    assert grey > 25, "the shared points are drawn too"
    assert all(
        page.evaluate(
            "[...document.querySelectorAll('svg.marks')].map(s => s.getAttribute('role') === 'img' "
            "&& !!s.querySelector('title') && !!s.querySelector('desc'))"
        )
    )
    context.close()


def test_a_chart_s_table_is_there_when_it_is_opened(browser, made):
    path = next(p for p in (made.out / "districts").glob("sim01*.html") if ".fr." not in p.name)
    context, page, _ = open_page(browser, path)
    for details in page.locator("details.sv-data").all():
        details.locator("summary").click()
        details.locator("tbody tr").first.wait_for(timeout=10_000)
        assert (
            details.locator("tbody tr").count() >= 1
            and details.locator("thead th[scope=col]").count() >= 3
        )
    assert page.locator("details.sv-data").count() == page.locator(".sv-chart").count() >= 6
    context.close()


@pytest.mark.parametrize("width", [390, 640])
def test_narrow_and_zoomed_pages_do_not_scroll_sideways(browser, made, width):
    "390 pixels is a phone; 640 is 1280 at 200 % zoom."
    for path in [made.out / "index.html", *sorted((made.out / "districts").glob("*.html"))[:2]]:
        context, page, _ = open_page(browser, path, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()


def test_keyboard_reaches_everything(browser, made):
    path = next(p for p in (made.out / "districts").glob("sim01*.html") if ".fr." not in p.name)
    context, page, _ = open_page(browser, path)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#content"
    for _ in range(12):
        page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    context.close()


def test_index_finds_a_district(browser, tmp_path, tmp_path_factory):
    many = example_fits(tmp_path_factory.mktemp("many"), 14, 60)
    p = publish(many, DisclosurePolicy.named("us"))
    tasks = reports.tasks_of(p, None, ("en",), (), False, "2026-01-01")
    from schoolvar.core.files import write_whole
    from schoolvar.report.figures import shared_data
    from schoolvar.report.html import report_assets

    for name, text in report_assets(shared_data(p)).items():
        write_whole(tmp_path / "assets" / name, text)
    write_whole(
        tmp_path / "index.html",
        reports.index_page(p, [(t, {"status": "ready"}) for t in tasks], Labels("en"), False),
    )
    context, page, trouble = open_page(browser, tmp_path / "index.html")
    page.fill("#find", "district 07")
    assert (
        page.locator("tbody tr:visible").count() == 1
        and page.locator("#found").inner_text() == "1 district found"
    )
    assert not axe(page) and not trouble
    context.close()


def test_a_single_file_needs_no_folder(browser, fits, tmp_path):
    render_reports(
        tmp_path / "out", **fits, districts=["SIM01"], formats=(), standalone=True, workers=1
    )
    alone = shutil.copy(
        next((tmp_path / "out" / "districts").glob("*.html")), tmp_path / "alone.html"
    )
    context = browser.new_context(offline=True)
    page = context.new_page()
    trouble = []
    page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
    page.goto(Path(alone).as_uri())
    page.wait_for_function(
        "() => [...document.querySelectorAll('.sv-chart')].every(c => c.dataset.drawn)",
        timeout=90_000,
    )
    assert page.locator("svg.marks").count() >= 6 and not trouble
    context.close()


def test_workbook_is_walkable(made):

    path = next((made.out / "districts").glob("sim01*.xlsx"))
    sheets = pd.read_excel(path, sheet_name=None, header=None, engine="calamine")
    assert list(sheets)[:3] == ["Cover", "Contents", "Notes"] or list(sheets)[0] == "Couverture"
    inside = zipfile.ZipFile(path)
    assert not any(
        "<f>" in inside.read(n).decode() for n in inside.namelist() if "worksheets/sheet" in n
    ), "no formulas"
    assert not any(
        "mergeCell" in inside.read(n).decode() for n in inside.namelist() if "worksheets/sheet" in n
    ), "no merged cells"
    tables = [n for n in inside.namelist() if n.startswith("xl/tables/")]
    assert len(tables) == len(sheets) - 3


def test_print_shows_what_is_closed_on_screen(browser, made):
    path = next(p for p in (made.out / "districts").glob("sim01*.html") if ".fr." not in p.name)
    context, page, _ = open_page(browser, path)
    height = (
        "document.querySelector('details.more table').getBoundingClientRect().height > 0 "
        "&& document.querySelector('details.more').getBoundingClientRect().height > 100"
    )
    assert not page.evaluate(height)
    page.emulate_media(media="print")
    assert page.evaluate(height) and not page.locator("nav, .skip").first.is_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("what", ["achievement", "consistency"])
def test_axe_finds_nothing_on_rerun_pages(browser, tmp_path, what, scheme):
    from schoolvar.cli.parts import example_table
    from schoolvar.cli.rerun import rerun

    example_table(what).to_csv(tmp_path / "table.csv", index=False)
    result = rerun(
        what, tmp_path / "table.csv", tmp_path / "out", parameters=dict(seed=2, draws=50), workers=1
    )
    assert not result.failed, result.sentence
    for path in (tmp_path / "out").glob("*.html"):
        context, page, trouble = open_page(browser, path, scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        page.wait_for_timeout(200)
        found = axe(page)
        assert not found, (path.name, [(v["id"], v["nodes"][0]["html"][:200]) for v in found])
        assert not trouble and page.evaluate(
            "[...document.querySelectorAll('.sv-chart')].every(c => c.dataset.drawn === 'yes')"
        )
        for width in (390, 768):
            page.set_viewport_size(dict(width=width, height=900))
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()


def test_rerun_of_a_fit(tmp_path):
    from schoolvar.cli.parts import example_table
    from schoolvar.cli.rerun import rerun

    table = tmp_path / "scores.csv"
    example_table("consistency").to_csv(table, index=False)
    result = rerun("consistency", table, tmp_path / "out", parameters=dict(seed=2), workers=1)
    assert not result.failed, result.sentence
    page = (tmp_path / "out" / "consistency.html").read_text(encoding="utf-8")
    assert "location_intercept" in page and page.count('class="sv-chart"') == 2


def test_a_district_is_asked_for_by_id_or_by_name():
    from schoolvar.report.build import district_key
    from schoolvar.report.publication import ReportError

    table = pd.DataFrame({"key": ["", "011", "012", "013"], "name": ["", "Ayr", "Perth", "Perth"]})
    assert (
        district_key(table, "011") == district_key(table, "AYR") == "011"
        and district_key(table, "") == ""
    )
    with pytest.raises(
        ReportError, match=r"2 districts are called Perth; say which by its id: 012, 013"
    ):
        district_key(table, "Perth")
    with pytest.raises(ReportError, match=r"there are 4, such as 011 \(Ayr\), 012 \(Perth\)"):
        district_key(table, "Leeds")
