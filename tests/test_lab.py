"""Every study and explanation as a reader opens it: JupyterLab on this machine alone, a browser,
*Run All*, and a look at what is painted.

The notebooks are run in a copy of the tree. Nothing but the server may be asked of the network:
every other request is stopped and fails the test.
"""

import importlib.util
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import absent

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
STORIES = sorted(
    p for folder in ("studies", "explanations") for p in (NBS / folder).glob("*.ipynb")
)
LIBRARY = NBS / "charts/30_consistency.ipynb"
FIRST = NBS / "start.ipynb"
# All of them take four minutes: in CI, and where SCHOOLVAR_LAB=all asks for it. Else the first
# page, a study and the library notebook.
ALL = os.environ.get("CI") or os.environ.get("SCHOOLVAR_LAB") == "all"
OPENED = [FIRST, *(STORIES if ALL else STORIES[4:5]), LIBRARY]
LIMIT = 240  # seconds for a notebook; the longest needs about 20 on a quiet machine

pytestmark = pytest.mark.slow


CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def copied_tree(tree):
    "What the notebooks read, in a folder that they may write into."
    for name in ("nbs", "stan"):
        left_out = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__")
        shutil.copytree(ROOT / name, tree / name, ignore=left_out)
    (tree / "benchmarks").mkdir()
    for file in (ROOT / "settings.ini", ROOT / "README.md", *ROOT.glob("benchmarks/*.csv")):
        shutil.copy(file, tree / file.relative_to(ROOT))
    return tree


def environment(folder):
    "Folders of the server's own."
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    own = {name: str(folder / value) for name, value in own.items()}
    # IN_TEST: a library notebook's last cell writes the modules, which is not for a test to do.
    return {**os.environ, "IN_TEST": "1", "JUPYTER_PREFER_ENV_PATH": "1", **own}


class Lab:
    "A JupyterLab server with folders of its own, and a browser that reaches nothing else."

    def __init__(self, folder, chromium):
        self.folder, self.token = folder, secrets.token_hex(16)
        tree = copied_tree(folder / "tree")
        self.log = open(folder / "server.log", "w", encoding="utf-8")
        self.server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *self._options(tree)],
            cwd=tree,
            env=environment(folder),
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.play = self.browser = None
        try:
            self.url = self._address()
            from playwright.sync_api import sync_playwright

            self.play = sync_playwright().start()
            self.browser = self.play.chromium.launch(executable_path=chromium, args=CHROMIUM)
        except BaseException:
            self.close()
            raise

    def _options(self, tree):
        "The server's options, and settings that keep it from asking for news."
        defaults = self.folder / "defaults"
        defaults.mkdir()
        silent = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
        settings = {"@jupyterlab/apputils-extension:notification": silent}
        (defaults / "overrides.json").write_text(json.dumps(settings))
        return [
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.port=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={tree / 'nbs'}",
            "--LabApp.extension_manager=readonly",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.news_url=",
            f"--LabApp.app_settings_dir={defaults}",
        ]

    def _address(self):
        "The server says its port in a file, once it listens."
        until = time.monotonic() + 60
        while time.monotonic() < until:
            for file in (self.folder / "runtime").glob("jpserver-*.json"):
                try:
                    return json.loads(file.read_text(encoding="utf-8"))["url"].rstrip("/")
                except ValueError:
                    pass  # half written
            if self.server.poll() is not None:
                break
            time.sleep(0.1)
        pytest.fail(
            "JupyterLab does not start:\n"
            + (self.folder / "server.log").read_text(encoding="utf-8")[-3000:]
        )

    def open(self, notebook, width=1280):
        "A page with the notebook open; `notebook` is relative to nbs/."
        context = self.browser.new_context(viewport={"width": width, "height": 900})
        page = context.new_page()
        page.outside, page.trouble = [], []

        def only_here(route):
            if route.request.url.startswith((self.url, "data:", "blob:")):
                return route.continue_()
            page.outside.append(route.request.url)
            return route.abort()

        context.route("**/*", only_here)
        context.set_default_timeout(1000 * LIMIT)
        page.on("pageerror", lambda e: page.trouble.append(str(e)))
        page.goto(
            f"{self.url}/lab/workspaces/w{secrets.token_hex(4)}/tree/{notebook}?token={self.token}"
        )
        page.wait_for_function("""() => {
            const w = window.jupyterapp && jupyterapp.shell.currentWidget;
            return w && w.content && w.content.model && w.content.model.cells &&
                w.context.isReady && w.sessionContext && w.sessionContext.isReady }""")
        return page

    def done(self, page):
        "The kernel ends too: seventeen of them would need the memory of a small machine."
        page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        page.context.close()

    def close(self):
        if self.browser:
            self.browser.close()
        if self.play:
            self.play.stop()
        self.server.terminate()  # it stops its kernels
        try:
            self.server.wait(30)
        except subprocess.TimeoutExpired:
            self.server.kill()
        self.log.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory, chromium):
    try:
        import jupyterlab  # noqa: F401
        import playwright  # noqa: F401
    except ImportError:
        absent("lab", "JupyterLab or playwright is not installed")
    server = Lab(tmp_path_factory.mktemp("lab"), chromium)
    yield server
    server.close()


def run_all(page):
    "*Run All Cells*, to the end; the notebook as it then is."
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function("""() => {
        const w = jupyterapp.shell.currentWidget;
        const running = '.jp-mod-running, .jp-InputPrompt[data-prompt="*"]';
        const idle = w.sessionContext.kernelDisplayStatus === 'idle';
        return idle && !w.node.querySelector(running) }""")
    return page.evaluate("() => jupyterapp.shell.currentWidget.content.model.toJSON()")


def settle(page):
    "Every cell is scrolled past, as a reader does, and every chart that is there has had its time."
    page.evaluate("""async () => {
        for (const cell of jupyterapp.shell.currentWidget.content.widgets) {
            cell.node.scrollIntoView({block: 'center'});
            await new Promise(r => setTimeout(r, 30)); } }""")
    page.wait_for_function("""() => {
        const charts = jupyterapp.shell.currentWidget.node.querySelectorAll('.sv-chart');
        return [...charts].every(c => c.dataset.drawn || !c.querySelector('script')) }""")


PAINTED = """() => {
    const charts = jupyterapp.shell.currentWidget.node.querySelectorAll('.sv-chart');
    return [...charts].map(c => {
        const svg = c.querySelector('svg.marks'), still = c.querySelector('img.sv-still');
        const box = svg && svg.getBoundingClientRect();
        const said = name => !!svg.querySelector(name).textContent;
        const text = svg && svg.querySelector('text');
        return {drawn: c.dataset.drawn || '',
                width: box ? box.width : 0, height: box ? box.height : 0,
                room: c.clientWidth, overflow: c.scrollWidth - c.clientWidth,
                marks: svg ? svg.querySelectorAll('path, text, line, rect, image').length : 0,
                words: !!svg && svg.getAttribute('role') === 'img' && said('title') && said('desc'),
                still: !!still && still.complete && still.naturalWidth > 100,
                alt: still ? still.alt : '',
                ink: text ? getComputedStyle(text).fill : ''} }) }"""


def outputs(notebook):
    return [o for c in notebook["cells"] if c["cell_type"] == "code" for o in c["outputs"]]


def html_of(output):
    return "".join(output.get("data", {}).get("text/html", ""))


def charts_in(notebook):
    "Charts that the outputs hold; a chart by Altair alone would be one without `sv-chart`."
    return sum(html_of(o).count('class="sv-chart"') for o in outputs(notebook))


def luminance(colour):
    r, g, b = map(int, re.findall(r"\d+", colour)[:3])
    return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255


def name(path):
    return path.relative_to(NBS).as_posix()


@pytest.mark.parametrize("path", OPENED, ids=name)
def test_every_chart_is_painted(lab, path):
    page = lab.open(name(path))
    notebook = run_all(page)
    errors = [o["evalue"] for o in outputs(notebook) if o["output_type"] == "error"]
    assert not errors
    settle(page)
    want = charts_in(notebook)
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )
        dark = theme.endswith("Dark")
        page.wait_for_function(
            (
                "dark => document.body.dataset.jpThemeLight === String(!dark) && "
                "!document.querySelector('#jupyterlab-splash')"
            ),
            arg=dark,
        )
        painted = page.evaluate(PAINTED)
        assert len(painted) == want
        for chart in painted:
            assert chart["drawn"] == "yes" and chart["marks"] > 5 and chart["words"], chart
            assert chart["width"] > 400 and chart["height"] > 60 and chart["overflow"] <= 1, chart
            assert chart["width"] <= chart["room"] + 1, chart
            assert (luminance(chart["ink"]) > 0.6) == dark, chart
        if folder := os.environ.get("SCHOOLVAR_SCREENSHOTS"):
            for i, chart in enumerate(page.locator(".sv-figure").all()):
                chart.scroll_into_view_if_needed()
                page.wait_for_timeout(400)
                page.screenshot(
                    path=Path(folder) / f"{path.stem}-{i}-{theme.split()[-1].lower()}.png"
                )
    red = page.evaluate("""() => {
        const failed = '[data-mime-type="application/vnd.jupyter.error"]';
        const places = `.jp-OutputArea-output${failed}, .jp-RenderedText${failed}`;
        return document.querySelectorAll(places).length }""")
    assert red == 0 and not page.outside and not page.trouble
    lab.done(page)


# A cell for each object; the first goes through steps slowly enough to be seen.
OBJECTS = [
    "import time\nimport schoolvar as sv\nfrom schoolvar.core.progress import progress_bar\n"
    "for _ in progress_bar(range(25), what='twenty-five steps'):\n    time.sleep(0.2)",
    "province = sv.simulate_province(seed=7)\n"
    "scores = sv.read_scores(province.scores, school='school_id', score='score')\nscores",
    "short = dict(chains=2, warmup=200, draws=200, rounds=1)\n"
    "fit = sv.fit_consistency(scores, sampler=short)\nfit",
    "fit.plot()",
    "from schoolvar.data.simulate import simulate_counts, simulate_two_grades\n"
    "counts = sv.read_counts(simulate_counts(40, seed=2).frame)\ncounts",
    "better = sv.compare(counts, models=['M1', 'M2'], sampler=short)\nbetter",
    "better.table",
    "results = better.fits['M2']\nresults",
    "results.plot()",
    "results.loo()",
    "added = sv.fit_value_added(sv.read_counts(simulate_two_grades(40).frame), sampler=short)\nadded",
    "added.plot()",
    "from schoolvar.sampling.diagnostics import check\n"
    "check(results.idata, ['sd_school', 'sd_cohort'])",
    "from schoolvar.report.disclosure import DisclosurePolicy\nDisclosurePolicy.named('us')",
]
SHOWN = """async () => {
    const found = [];
    for (const e of jupyterapp.shell.currentWidget.node.querySelectorAll('.sv-object')) {
        // what is out of sight is not laid out
        e.scrollIntoView({block: 'center'});
        await new Promise(r => setTimeout(r, 60));
        found.push({
            ink: getComputedStyle(e).color, cell: getComputedStyle(e.querySelector('td') || e).color,
            picture: [...e.querySelectorAll('svg')].map(s => getComputedStyle(s).stroke),
            overflow: e.scrollWidth - e.clientWidth, text: e.innerText.length }) }
    return found }"""


def test_every_object_shows_itself_and_a_bar_is_a_widget(lab):
    import nbformat

    if importlib.util.find_spec("ipywidgets") is None:
        absent("lab", "ipywidgets is not installed")
    cells = [nbformat.v4.new_code_cell(source) for source in OBJECTS]
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = dict(name="python3", display_name="python3", language="python")
    nbformat.write(made, lab.folder / "tree" / "nbs" / "objects.ipynb")
    page = lab.open("objects.ipynb")
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells') }")
    widget = page.locator(
        ".jp-OutputArea .jupyter-widgets .widget-hprogress, .jp-OutputArea progress"
    )
    widget.first.wait_for(state="visible")
    said = page.locator(".jp-OutputArea .jupyter-widgets").first
    # tqdm parts words by figure spaces
    assert "twenty-five steps" in said.inner_text().replace("\u2007", " ")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.jupyter-widgets')].some("
        "e => e.innerText.includes('left'))"
    )
    if folder := os.environ.get("SCHOOLVAR_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "objects-bar.png")
    page.wait_for_function("""() => {
        const w = jupyterapp.shell.currentWidget;
        const cells = w.content.widgets.map(c => c.model.toJSON());
        const idle = w.sessionContext.kernelDisplayStatus === 'idle';
        return idle && cells.every(c => c.execution_count) }""")
    notebook = page.evaluate("() => jupyterapp.shell.currentWidget.content.model.toJSON()")
    assert not [o for o in outputs(notebook) if o["output_type"] in ("error", "stream")]
    assert widget.count() == 0 or not widget.first.is_visible(), "a bar goes when its work is done"
    settle(page)
    for theme in ("Light", "Dark"):
        page.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})",
            f"JupyterLab {theme}",
        )
        dark = theme == "Dark"
        page.wait_for_function(
            "dark => document.body.dataset.jpThemeLight === String(!dark) && "
            "!document.querySelector('#jupyterlab-splash')",
            arg=dark,
        )
        shown = page.evaluate(SHOWN)
        # every cell but those of the bar and of the three charts
        assert len(shown) == len(OBJECTS) - 4
        for card in shown:
            for ink in (card["ink"], card["cell"], *card["picture"]):
                assert (luminance(ink) > 0.6) == dark, card
            assert card["overflow"] <= 1 and card["text"] > 80, card
        if folder := os.environ.get("SCHOOLVAR_SCREENSHOTS"):
            for i, card in enumerate(page.locator(".sv-object").all()):
                card.scroll_into_view_if_needed()
                page.wait_for_timeout(200)
                page.screenshot(path=Path(folder) / f"object-{i}-{theme.lower()}.png")
    assert len(page.evaluate(PAINTED)) == 3
    assert all(c["drawn"] == "yes" for c in page.evaluate(PAINTED))
    assert not page.outside and not page.trouble
    lab.done(page)


FOUR = "explanations/30_coordinates.ipynb"  # two charts, quick


@pytest.fixture(scope="module")
def made_elsewhere(lab):
    "A notebook that papermill has run: Jupyter has never seen it and trusts no script of it."
    out = lab.folder / "tree" / "nbs" / "made_elsewhere.ipynb"
    r = subprocess.run(
        [
            sys.executable,
            "-m",
            "papermill",
            str(NBS / FOUR),
            str(out),
            "--cwd",
            str((NBS / FOUR).parent),
            "--no-progress-bar",
            "-k",
            "python3",
        ],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        env={**os.environ, "TQDM_DISABLE": "1"},
    )
    assert r.returncode == 0, r.stderr[-2000:]
    return out


def test_a_notebook_run_elsewhere_shows_still_charts_until_it_is_trusted(lab, made_elsewhere):
    page = lab.open(made_elsewhere.name)
    settle(page)
    stills = page.evaluate(PAINTED)
    assert len(stills) == charts_in(json.loads(made_elsewhere.read_text(encoding="utf-8"))) == 2
    assert all(
        c["still"] and len(c["alt"]) > 40 and not c["drawn"] and c["overflow"] <= 1 for c in stills
    ), stills
    if folder := os.environ.get("SCHOOLVAR_SCREENSHOTS"):
        for scheme in ("Light", "Dark"):
            page.evaluate(
                "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})",
                f"JupyterLab {scheme}",
            )
            page.wait_for_timeout(2500)
            page.locator(".sv-figure").first.scroll_into_view_if_needed()
            page.screenshot(path=Path(folder) / f"untrusted-{scheme}.png")
    page.evaluate("() => { jupyterapp.commands.execute('notebook:trust') }")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.wait_for_function(
        "() => { const c = [...document.querySelectorAll('.sv-chart')]; return c.length "
        "== 2 && c.every(e => e.dataset.drawn === 'yes') }"
    )
    assert (
        not any(c["still"] for c in page.evaluate(PAINTED))
        and not page.outside
        and not page.trouble
    )
    lab.done(page)


def test_a_saved_notebook_is_drawn_when_it_is_opened_again(lab):
    """Without a run: the script is in one output.

    The cell that holds it may be run again, and still holds it.
    """
    shutil.copy(NBS / FOUR, lab.folder / "tree" / "nbs" / "again.ipynb")
    page = lab.open("again.ipynb")
    run_all(page)
    page.evaluate("""async () => {
        const notebook = jupyterapp.shell.currentWidget.content;
        const shows = output => 'text/html' in (output.data || {});
        notebook.activeCellIndex = notebook.widgets.findIndex(
            w => w.model.toJSON().outputs?.some(shows));
        await jupyterapp.commands.execute('notebook:run-cell');
        await jupyterapp.commands.execute('docmanager:save') }""")
    lab.done(page)
    saved = json.loads((lab.folder / "tree" / "nbs" / "again.ipynb").read_text(encoding="utf-8"))
    assert sum("DecompressionStream" in html_of(o) for o in outputs(saved)) == 1, (
        "one script a notebook"
    )
    page = lab.open("again.ipynb")
    settle(page)
    assert (
        [c["drawn"] for c in page.evaluate(PAINTED)] == ["yes", "yes"]
        and not page.outside
        and not page.trouble
    )
    lab.done(page)


def test_a_chart_follows_its_cell_and_answers_the_pointer(lab):
    shutil.copy(LIBRARY, lab.folder / "tree" / "nbs" / "narrow.ipynb")
    page = lab.open("narrow.ipynb")
    run_all(page)
    settle(page)
    wide = page.evaluate(PAINTED)
    page.locator(".sv-chart").first.scroll_into_view_if_needed()
    for mark in page.locator(".sv-chart").first.locator("svg.marks .mark-symbol path").all()[:40]:
        mark.hover(force=True)
        if page.locator("#vg-tooltip-element.visible td").count():
            break
    assert "PIP" in page.locator("#vg-tooltip-element.visible").inner_text()
    page.locator(".sv-data summary").first.click()
    assert page.locator(".sv-data").first.locator("tbody tr").count() > 1
    page.set_viewport_size({"width": 900, "height": 900})
    page.wait_for_function(
        (
            "before => document.querySelector('.sv-chart "
            "svg.marks').getBoundingClientRect().width < before - 100"
        ),
        arg=wide[0]["width"],
    )
    settle(page)
    assert (
        all(c["overflow"] <= 1 and c["drawn"] == "yes" for c in page.evaluate(PAINTED))
        and not page.trouble
    )
    lab.done(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_by_nbconvert_is_drawn_without_a_network(lab, made_elsewhere, theme):
    """Charts need nothing.

    What nbconvert's own template asks of the network (require.js, MathJax) is stopped here.
    """
    out = lab.folder / f"page-{theme}.html"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "nbconvert",
            "--to",
            "html",
            "--theme",
            theme,
            "--output",
            str(out),
            str(made_elsewhere),
        ],
        check=True,
        capture_output=True,
    )
    context = lab.browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    page.goto(out.as_uri(), wait_until="commit")
    page.wait_for_function(
        (
            "() => { const c = [...document.querySelectorAll('.sv-chart')]; return c.length "
            "== 2 && c.every(e => e.dataset.drawn === 'yes') }"
        ),
        timeout=60_000,
    )
    ink = page.evaluate("() => getComputedStyle(document.querySelector('svg.marks text')).fill")
    assert (luminance(ink) > 0.6) == (theme == "dark")
    context.close()
