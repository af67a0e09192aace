"""The built site in a real browser: console, network, width, charts, accessibility.

python tools/docs/browser.py [PAGE ...]                     check these pages, or all
python tools/docs/browser.py shot OUT.png PAGE [WIDTH] [dark]   a picture of one
"""

import functools
import http.server
import shutil
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# A page is opened wide and light, then narrow and dark
VIEWS = ((1280, "light"), (390, "dark"))
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


# Charts without a mark that has a colour and a size: a scale that does not know the data's values
# paints nothing, and says nothing
EMPTY = """(() => {
  const marks = ['path', 'line', 'text', 'rect'].map(kind => `.role-mark ${kind}`).join(', ');
  const clear = ['none', 'transparent', 'rgba(0, 0, 0, 0)'];
  const painted = mark => {
    const style = getComputedStyle(mark), box = mark.getBoundingClientRect();
    const coloured = [style.fill, style.stroke].some(paint => paint && !clear.includes(paint));
    return coloured && +style.opacity > 0 && box.width + box.height > 0;
  };
  const shown = chart => chart.clientWidth && chart.dataset.drawn !== 'no';
  const empty = chart => shown(chart) && ![...chart.querySelectorAll(marks)].some(painted);
  return [...document.querySelectorAll('.sv-chart[data-drawn]')].filter(empty).map(c => c.id);
})()"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    # the page for what is not there links from the root of the host it is published on
    def translate_path(self, path):
        return super().translate_path(path.removeprefix("/schoolvar"))

    def copyfile(self, source, outputfile):
        try:
            super().copyfile(source, outputfile)
        except ConnectionError:  # the browser went on to the next page
            pass


class Served:
    "A folder on a loopback port, for as long as the block lasts."

    def __init__(self, folder):
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
        )

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()


def browser():
    "Path of a Chromium, or None."
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


def ready(tab):
    "Wait until every chart has been drawn, each when it comes into view."
    tab.wait_for_load_state("load")
    tab.wait_for_function(
        "[...document.querySelectorAll('.sv-chart')].every(e => e.dataset.drawn || !e.clientWidth)",
        timeout=30_000,
    )


def heard_by(said, origin):
    "Listeners to a page: its errors, and what it asks of others."

    def console(message):
        if message.type == "error":
            said.append(f"console: {message.text[:200]}")

    def error(error):
        said.append(f"error: {str(error)[:200]}")

    def request(request):
        if not request.url.startswith((origin, "data:", "blob:")):
            said.append(f"asks for {request.url[:120]}")

    return [("console", console), ("pageerror", error), ("request", request)]


OPEN = "document.querySelectorAll('details[data-source]').forEach(d => d.open = true)"
CAME = "[...document.querySelectorAll('details[data-source]')].every(d => d.dataset.here === 'yes')"
UNDRAWN = "[...document.querySelectorAll('.sv-chart')].filter(e => e.dataset.drawn === 'no').length"
TOO_WIDE = "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
AXE = (
    "axe.run(document, {resultTypes: ['violations']})"
    ".then(r => r.violations.map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 140)]))"
)


def painted(tab):
    "What is wrong with the charts and the folded source of a page that is open."
    try:
        ready(tab)
    except Exception:
        yield "a chart is not drawn after 30 s"
    tab.evaluate(OPEN)
    try:
        tab.wait_for_function(CAME, timeout=10_000)
    except Exception:
        yield "folded source does not come when it is opened"
    if undrawn := tab.evaluate(UNDRAWN):
        yield f"{undrawn} chart(s) could not be drawn"
    yield from (f"the chart {chart} shows nothing" for chart in tab.evaluate(EMPTY))


def look(tab, url, name, axe, problems, origin):
    "Open a page wide and light, then narrow and dark, and note what is wrong."
    said = []
    heard = heard_by(said, origin)
    for event, hear in heard:
        tab.on(event, hear)
    for width, scheme in VIEWS:
        tab.emulate_media(color_scheme=scheme)
        tab.set_viewport_size({"width": width, "height": 900})
        tab.goto(url)
        for problem in painted(tab):
            said.append(problem)
        wide = tab.evaluate(TOO_WIDE)
        if wide > 1:
            said.append(f"is {wide} pixels wider than a window of {width}")
        if axe:
            tab.evaluate(axe)
            for rule, count, where in tab.evaluate(AXE):
                said.append(f"axe, {scheme}: {rule}, {count} place(s), {where}")
    for event, hear in heard:
        tab.remove_listener(event, hear)
    problems += [f"{name}: {what}" for what in dict.fromkeys(said)]


def check(site, pages=None):
    """Problems of the site's pages in a browser, one line each.

    Without a browser a note, and nothing to mend.
    """
    path = browser()
    try:
        import axe_playwright_python
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if not path:
        print("No Chromium (or playwright) here: the pages were not opened in a browser")
        return []
    axe = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    names = pages or sorted(p.relative_to(site).as_posix() for p in Path(site).rglob("*.html"))
    problems = []
    with Served(site) as origin, sync_playwright() as p:
        with p.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        ) as chrome:
            tab = chrome.new_page()
            for name in names:
                look(tab, f"{origin}/{name}", name, axe, problems, origin)
    return problems


def shot(out, page, width=1280, dark=False):
    from playwright.sync_api import sync_playwright

    with Served(ROOT / "_site") as origin, sync_playwright() as p:
        with p.chromium.launch(
            executable_path=browser(), args=["--no-sandbox", "--disable-gpu"]
        ) as chrome:
            tab = chrome.new_page(
                viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
            )
            tab.goto(f"{origin}/{page}")
            ready(tab)
            tab.screenshot(path=out, full_page=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["shot"]:
        shot(
            sys.argv[2],
            sys.argv[3],
            int(sys.argv[4]) if len(sys.argv) > 4 else 1280,
            "dark" in sys.argv,
        )
    else:
        found = check(ROOT / "_site", sys.argv[1:])
        print("\n".join(found) or "nothing to mend")
        sys.exit(bool(found))
