"""Two builds of the site, page by page: what a reader of one has and a reader of the other has not.

    python tools/docs/compare.py SITE OTHER [PAGE ...]

Each page is opened from its folder in a browser, wide and light, then dark, then narrow. Counts
and differences are printed as Markdown; the pages that differ are named below.
"""

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from docs.browser import EMPTY, browser, ready  # noqa: E402

SEARCHES = ("whitening", "withheld cells", "papermill")

# What is compared of a page. Names of things rather than their number, where they have names.
PAGE = """() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const words = e => e.textContent.replace(/[\\s\\u00a0]+/g, ' ').trim();
  const main = document.querySelector('main');
  const home = new URL(HOME);
  const own = a => a.href.startsWith(home.href) ? [a.href.slice(home.href.length)] : [];
  const bare = s => s.replace(/[\\s\\u00a0]/g, '');
  return {
    title: document.title.split(/ [–-] /)[0],
    headings: all('h1, h2, h3, h4, h5, h6', main).map(words),
    'code blocks': all('pre', main).map(words).map(bare).filter(Boolean),
    links: all('a[href]', main).filter(a => !a.matches('.anchorjs-link, .nav-footer a'))
      .flatMap(own).filter(href => href).sort(),
    tables: all('table', main).map(words).map(bare),
    paragraphs: all('p', main).filter(p => !p.closest('details, figure, .sv-chart'))
      .filter(p => !p.querySelector('math')).map(words).map(bare).filter(Boolean),
    charts: all('.sv-chart').map(e => e.id),
    formulas: all('math', main).map(e => bare(e.textContent)).length,
    contents: all('#TOC a').filter(a => a.getClientRects().length).map(words),
    sidebar: all('#quarto-sidebar a.sidebar-link').filter(a => a.getAttribute('href'))
      .flatMap(own),
  };
}"""
PAINTED = f"[...document.querySelectorAll('.sv-chart[data-drawn=yes]')].length - {EMPTY}.length"
DARK = """() => {
  const light = /\\d+/g, colour = getComputedStyle(document.body).backgroundColor;
  return colour.match(light).slice(0, 3).every(part => +part < 100);
}"""
WIDE = "document.scrollingElement.scrollWidth - document.documentElement.clientWidth > 1"


def look(tab, site, name):
    "All that is compared of a page."
    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.goto((site / name).as_uri())
    ready(tab)
    found = tab.evaluate(PAGE.replace("HOME", repr(site.as_uri() + "/")))
    found["painted"] = tab.evaluate(PAINTED)
    tab.emulate_media(color_scheme="dark")
    tab.reload()
    ready(tab)
    found["dark"] = tab.evaluate(DARK)
    found["painted when dark"] = tab.evaluate(PAINTED)
    tab.set_viewport_size({"width": 390, "height": 900})
    tab.reload()
    ready(tab)
    found["fits a phone"] = not tab.evaluate(WIDE)
    return found


def searched(tab, site):
    "Pages that a search from the folder finds, by what is searched."
    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size({"width": 1280, "height": 900})
    found = {}
    for what in SEARCHES:
        tab.goto((site / "index.html").as_uri())
        button = tab.locator("#quarto-search button").first
        if button.count():
            button.click()
        tab.locator("#quarto-search input:visible, .aa-Input:visible").first.fill(what)
        result = ".search-result a[href], .search-result-link[href], a.search-result[href]"
        tab.wait_for_selector(result, timeout=20_000)
        hrefs = tab.evaluate(f"[...document.querySelectorAll('{result}')].map(a => a.href)")
        home = site.as_uri() + "/"
        found[what] = {h.removeprefix(home).split("#")[0].split("?")[0] for h in hrefs}
    return found


def pages(site):
    """Names of the pages that a builder rendered.

    A report is a site of its own, pages that moved are the same from both, and the page for what
    is not there leads from the root of a host.
    """
    found = (p.relative_to(site).as_posix() for p in sorted(site.rglob("*.html")))
    return [
        name
        for name in found
        if not name.startswith("example/")
        and name != "404.html"
        and "<title>Moved</title>" not in (site / name).read_text(encoding="utf-8")
    ]


def size(value):
    return len(value) if isinstance(value, (list, dict, set)) else int(value)


def apart(one, other):
    "What only one of two lists has, in words."
    if not isinstance(one, list):
        return f"{one} / {other}"
    only = [Counter(one) - Counter(other), Counter(other) - Counter(one)]
    said = ("; ".join(f"{text[:60]!r}" for text in list(part)[:3]) or "nothing" for part in only)
    return " / ".join(said) if any(only) else "another order"


def compare(site, other, names=None):
    "Markdown: a table of counts, and what differs on which page."
    from playwright.sync_api import sync_playwright

    sites = [Path(site).resolve(), Path(other).resolve()]
    listed = [set(pages(s)) for s in sites]
    lines = [f"- only in one build: {name}" for name in sorted(listed[0] ^ listed[1])]
    both = names or sorted(listed[0] & listed[1])
    totals, differing = {}, Counter()
    with sync_playwright() as p:
        options = dict(executable_path=browser(), args=["--no-sandbox", "--disable-gpu"])
        with p.chromium.launch(**options) as chrome:
            tab = chrome.new_page()
            for name in both:
                found = [look(tab, s, name) for s in sites]
                for key, value in found[0].items():
                    row = totals.setdefault(key, [0, 0])
                    for i in (0, 1):
                        row[i] += size(found[i][key]) if key != "title" else 1
                    if value != found[1][key]:
                        differing[key] += 1
                        lines.append(f"- {name}: {key}: {apart(value, found[1][key])}")
            results = [searched(tab, s) for s in sites]
    table = ["| | one | other | pages that differ |", "|---|---|---|---|"]
    table.append(f"| pages | {len(listed[0])} | {len(listed[1])} | |")
    table += [f"| {key} | {a} | {b} | {differing[key]} |" for key, (a, b) in totals.items()]
    for what in SEARCHES:
        found = [r[what] for r in results]
        shared = len(found[0] & found[1])
        table.append(
            f"| search for *{what}* | {len(found[0])} | {len(found[1])} | {shared} shared |"
        )
    return "\n".join([*table, "", *lines])


if __name__ == "__main__":
    print(compare(sys.argv[1], sys.argv[2], sys.argv[3:]))
