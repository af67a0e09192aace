"""Every study and explanation as a reader opens it: JupyterLab on this machine alone, a browser, *Run All*, and a look at what is painted.

The notebooks are run in a copy of the tree. Nothing but the server may be asked of the network: every other request is stopped and fails the test.
"""
import json
import os
from pathlib import Path
import re
import secrets
import shutil
import subprocess
import sys
import time

import pytest

from conftest import absent

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
STORIES = sorted(p for folder in ("studies", "explanations") for p in (NBS / folder).glob("*.ipynb"))
LIBRARY = NBS / "51_charts_consistency.ipynb"
FIRST = NBS / "start.ipynb"
LIMIT = 120        # seconds for a notebook; the longest needs about 20

pytestmark = pytest.mark.slow


class Lab:
    "A JupyterLab server with folders of its own, and a browser that reaches nothing else."

    def __init__(self, folder, chromium):
        self.folder, self.token = folder, secrets.token_hex(16)
        tree = folder / "tree"
        for name in ("nbs", "stan"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__"))
        for name in ("settings.ini", "README.md", "CHANGELOG.md"):
            shutil.copy(ROOT / name, tree / name)
        own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython",
               "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
        # IN_TEST: a library notebook's last cell writes the modules, which is not for a test to do.
        env = {**os.environ, "IN_TEST": "1", "JUPYTER_PREFER_ENV_PATH": "1", **{k: str(folder / v) for k, v in own.items()}}
        defaults = folder / "defaults"
        defaults.mkdir()
        (defaults / "overrides.json").write_text(json.dumps({
            "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}}))
        options = ["--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--IdentityProvider.token={self.token}",
                   f"--ServerApp.root_dir={tree / 'nbs'}", "--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True",
                   "--LabApp.news_url=", f"--LabApp.app_settings_dir={defaults}"]
        self.log = open(folder / "server.log", "w", encoding="utf-8")
        self.server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], cwd=tree, env=env, stdout=self.log, stderr=subprocess.STDOUT)
        self.play = self.browser = None
        try:
            self.url = self._address()
            from playwright.sync_api import sync_playwright
            self.play = sync_playwright().start()
            self.browser = self.play.chromium.launch(executable_path=chromium, args=[
                "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"])
        except BaseException:
            self.close()
            raise

    def _address(self):
        "The server says its port in a file, once it listens."
        until = time.monotonic() + 60
        while time.monotonic() < until:
            for file in (self.folder / "runtime").glob("jpserver-*.json"):
                try:
                    return json.loads(file.read_text(encoding="utf-8"))["url"].rstrip("/")
                except ValueError:
                    pass        # half written
            if self.server.poll() is not None:
                break
            time.sleep(.1)
        pytest.fail("JupyterLab does not start:\n" + (self.folder / "server.log").read_text(encoding="utf-8")[-3000:])

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
        page.goto(f"{self.url}/lab/workspaces/w{secrets.token_hex(4)}/tree/{notebook}?token={self.token}")
        page.wait_for_function("""() => { const w = window.jupyterapp && jupyterapp.shell.currentWidget;
            return w && w.content && w.content.model && w.content.model.cells && w.context.isReady && w.sessionContext && w.sessionContext.isReady }""")
        return page

    def close(self):
        if self.browser:
            self.browser.close()
        if self.play:
            self.play.stop()
        self.server.terminate()     # it stops its kernels
        try:
            self.server.wait(30)
        except subprocess.TimeoutExpired:
            self.server.kill()
        self.log.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory, chromium):
    try:
        import jupyterlab   # noqa: F401
        import playwright   # noqa: F401
    except ImportError:
        absent("lab", "JupyterLab or playwright is not installed")
    server = Lab(tmp_path_factory.mktemp("lab"), chromium)
    yield server
    server.close()


def run_all(page):
    "*Run All Cells*, to the end; the notebook as it then is."
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function("""() => { const w = jupyterapp.shell.currentWidget;
        return w.sessionContext.kernelDisplayStatus === 'idle' && !w.node.querySelector('.jp-mod-running, .jp-InputPrompt[data-prompt="*"]') }""")
    return page.evaluate("() => jupyterapp.shell.currentWidget.content.model.toJSON()")


def settle(page):
    "Every cell is scrolled past, as a reader does, and every chart that is there has had its time."
    page.evaluate("""async () => { for (const cell of jupyterapp.shell.currentWidget.content.widgets) {
        cell.node.scrollIntoView({block: 'center'}); await new Promise(r => setTimeout(r, 30)); } }""")
    page.wait_for_function("""() => [...jupyterapp.shell.currentWidget.node.querySelectorAll('.sv-chart')]
        .every(c => c.dataset.drawn || !c.querySelector('script'))""")


PAINTED = """() => [...jupyterapp.shell.currentWidget.node.querySelectorAll('.sv-chart')].map(c => {
    const svg = c.querySelector('svg.marks'), box = svg && svg.getBoundingClientRect(), still = c.querySelector('img.sv-still');
    return {drawn: c.dataset.drawn || '', width: box ? box.width : 0, height: box ? box.height : 0, room: c.clientWidth, overflow: c.scrollWidth - c.clientWidth,
            marks: svg ? svg.querySelectorAll('path, text, line, rect, image').length : 0,
            words: !!svg && svg.getAttribute('role') === 'img' && !!svg.querySelector('title').textContent && !!svg.querySelector('desc').textContent,
            still: !!still && still.complete && still.naturalWidth > 100, alt: still ? still.alt : '',
            ink: svg && svg.querySelector('text') ? getComputedStyle(svg.querySelector('text')).fill : ''} })"""


def outputs(notebook):
    return [o for c in notebook["cells"] if c["cell_type"] == "code" for o in c["outputs"]]


def html_of(output):
    return "".join(output.get("data", {}).get("text/html", ""))


def charts_in(notebook):
    "Charts that the outputs hold; a chart by Altair alone would be one without `sv-chart`."
    return sum(html_of(o).count('class="sv-chart"') for o in outputs(notebook))


def luminance(colour):
    r, g, b = map(int, re.findall(r"\d+", colour)[:3])
    return (.2126 * r + .7152 * g + .0722 * b) / 255


def name(path):
    return path.relative_to(NBS).as_posix()


@pytest.mark.parametrize("path", [FIRST, *STORIES, LIBRARY], ids=name)
def test_every_chart_is_painted(lab, path):
    page = lab.open(name(path))
    start = time.monotonic()
    notebook = run_all(page)
    took = time.monotonic() - start
    errors = [o["evalue"] for o in outputs(notebook) if o["output_type"] == "error"]
    assert not errors
    settle(page)
    want = charts_in(notebook)
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        dark = theme.endswith("Dark")
        page.wait_for_function("dark => document.body.dataset.jpThemeLight === String(!dark)", arg=dark)
        painted = page.evaluate(PAINTED)
        assert len(painted) == want
        for chart in painted:
            assert chart["drawn"] == "yes" and chart["marks"] > 5 and chart["words"], chart
            assert chart["width"] > 400 and chart["height"] > 60 and chart["overflow"] <= 1, chart
            assert chart["width"] <= chart["room"] + 1, chart
            assert (luminance(chart["ink"]) > .6) == dark, chart
        if folder := os.environ.get("SCHOOLVAR_SCREENSHOTS"):
            for i, chart in enumerate(page.locator(".sv-figure").all()):
                chart.scroll_into_view_if_needed()
                page.screenshot(path=Path(folder) / f"{path.stem}-{i}-{theme.split()[-1].lower()}.png")
    red = page.evaluate("() => document.querySelectorAll('.jp-OutputArea-output[data-mime-type=\"application/vnd.jupyter.error\"], .jp-RenderedText[data-mime-type=\"application/vnd.jupyter.error\"]').length")
    assert red == 0 and not page.outside and not page.trouble
    assert took < 60
    page.context.close()
