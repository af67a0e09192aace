"""What must hold of every page of the built site: whole, offline, light, spelt.

A page's weight is that of its HTML as it lies in the folder, without the numbers of its charts
(JSON for the shared script, and their tables).
"""

import json
import posixpath
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from docs.builders import WEIGHT, built_by  # noqa: E402
from docs.moved import table  # noqa: E402

BASE = "/schoolvar"  # where the site is published, as settings.ini and _quarto.yml say
# A tag that loads something, and the attribute that says from where
LOADS = {
    "script": "src",
    "link": "href",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "object": "data",
    "embed": "src",
}
NOT_LOADED = {"canonical", "alternate", "prev", "next", "license", "author", "help", "search"}


class Page(HTMLParser):
    "What the checks need of a page."

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.ids, self.links, self.loads, self.images, self.headings, self.charts, self.errors = (
            set(),
            [],
            [],
            [],
            [],
            0,
            0,
        )
        self.words, self.lang, self.title, self._skip, self._stack = [], None, "", 0, []
        self._block = []
        self.feed(text)

    VOID = {
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    }

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == "html":
            self.lang = a.get("lang")
        self.ids |= {a[k] for k in ("id", "name") if a.get(k) and not (k == "name" and tag != "a")}
        if tag == "a" and a.get("href"):
            self.links.append(a["href"])
        if (
            tag in LOADS
            and a.get(LOADS[tag])
            and not (tag == "link" and set((a.get("rel") or "").split()) & NOT_LOADED)
        ):
            self.loads.append(a[LOADS[tag]])
        if a.get("srcset"):
            self.loads += [s.split()[0] for s in a["srcset"].split(",")]
        if tag in ("img", "svg") and not any(
            t in ("svg", "a", "button", "summary") for t, _ in self._stack
        ):
            self.images.append((tag, a))
        classes = (a.get("class") or "").split()
        self.charts += "sv-chart" in classes
        self.errors += "cell-output-error" in classes
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        if tag not in self.VOID:
            self._stack.append(
                (
                    tag,
                    tag
                    in (
                        "script",
                        "style",
                        "code",
                        "pre",
                        "math",
                        "svg",
                        "nav",
                        "noscript",
                        "samp",
                        "kbd",
                    )
                    or "sourceCode" in classes,
                )
            )

    def handle_endtag(self, tag):
        for i in range(len(self._stack) - 1, -1, -1):
            if self._stack[i][0] == tag:
                del self._stack[i:]
                break

    def handle_data(self, data):
        if self._stack and self._stack[-1][0] == "title":
            self.title += data
        if not any(skip for _, skip in self._stack):
            self.words.append(data)


def weight(text):
    "Bytes of a page, without the numbers of its charts."
    text = re.sub(r'<script type="application/json">.*?</script>', "", text, flags=re.S)
    text = re.sub(r'<details class="sv-data">.*?</details>', "", text, flags=re.S)
    return len(text.encode())


def outside(url):
    return bool(re.match(r"(?:https?:)?//", url))


def check(site):
    "Problems of the built site, one line each."
    if not (site / "index.html").is_file():
        return [f"{site.name}/index.html is not there: run `make docs`"]
    texts = {
        p.relative_to(site).as_posix(): p.read_text(encoding="utf-8")
        for p in sorted(site.rglob("*.html"))
    }
    # shown at every depth, its links lead from the root of the host
    if "404.html" in texts:
        texts["404.html"] = texts["404.html"].replace(f'="{BASE}/', '="')
    pages = {name: Page(text) for name, text in texts.items()}
    problems = []
    for name, page in pages.items():
        found = [
            *loaded(site, name, page),
            *linked(site, name, pages),
            *forwarded(name, texts[name], pages),
            *described(page, texts[name]),
            *light(texts[name]),
            *rendered(page, texts[name]),
        ]
        problems += [f"{name}: {what}" for what in found]
    for css in site.rglob("*.css"):
        loads = r"""(?:@import\s*|url\()\s*["']?((?:https?:)?//[^"')]+)"""
        if m := re.search(loads, css.read_text(encoding="utf-8")):
            problems.append(f"{css.relative_to(site)}: loads {m[1]} from outside")
    return problems + addresses(site) + spelling(pages)


def placed(name, path):
    "Where an address within a page leads."
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(path)))


def loaded(site, name, page):
    "Nothing is loaded from outside, and what is loaded is there."
    for url in page.loads:
        if outside(url):
            yield f"loads {url} from outside"
        elif url.startswith("data:"):
            continue
        elif not (site / placed(name, urlsplit(url).path)).is_file():
            yield f"loads {url}, which is not there"


def linked(site, name, pages):
    "Links lead to pages that are there, and to places on them."
    for url in pages[name].links:
        if outside(url) or re.match(r"(mailto|data|javascript|tel|blob):", url):
            continue
        parts = urlsplit(url)
        target = placed(name, parts.path) if parts.path else name
        target = "index.html" if target == "." else target
        if (site / target).is_dir():
            target = posixpath.join(target, "index.html")
        if not (site / target).is_file():
            yield f"link to {url}, which is not there"
        elif parts.fragment and target in pages:
            if unquote(parts.fragment) not in pages[target].ids:
                yield f"link to {url}, but {target} has no such place"


PLACES = re.compile(r'^const places = (.*);\nlocation\.replace\("([^"]*)" \+', re.M)


def forwarded(name, text, pages):
    "A page that moved leads to pages that have the places it had."
    if found := PLACES.search(text):
        for place, now in json.loads(found[1]).items():
            target = placed(name, f"{found[2]}{now}.html")
            if target not in pages:
                yield f"leads #{place} to {target}, which is not there"
            elif place not in pages[target].ids:
                yield f"leads #{place} to {target}, which has no such place"


def addresses(site):
    "Every address that the site had before is one still."
    if not (site / "docs").is_dir():
        return []
    names = [placed("docs/index.html", f"{name}.html") for name in table()]
    lost = [name for name in names if not (site / name).is_file()]
    return [f"{name}: an address of before, which is not there" for name in lost]


def described(page, text):
    "Every figure has words."
    for tag, given in page.images:
        hidden = given.get("aria-hidden") == "true"
        words = given.get("aria-label") or given.get("aria-labelledby")
        roles = ("presentation", "img") if tag == "svg" else ("presentation",)
        if given.get("alt") is None and not (hidden or words or given.get("role") in roles):
            yield f"a figure without text alternative ({tag} {given.get('src', '')[:60]})"
    for spec in re.findall(r'<script type="application/json">(.*?)</script>', text, re.S):
        chart = json.loads(spec)
        if len(chart.get("description", "")) < 20:
            yield f"a chart without text alternative ({str(chart.get('title'))[:60]})"


def light(text):
    "A page weighs little and fetches no script."
    fetched = (
        r"<script(?![^>]*application/json)[^>]*>[^<]*"
        r"""["'](https?://(?:cdn|unpkg|esm)[^"']*)"""
    )
    if m := re.search(fetched, text):
        yield f"a script loads {m[1]} from outside"
    budget = WEIGHT[built_by(text)]
    if weight(text) > budget:
        yield (
            f"weighs {weight(text) / 1000:.0f} kB beside its charts' numbers, "
            f"more than {budget // 1000} kB"
        )


UNRENDERED = (
    (r"\{\{\s*<", "a shortcode"),
    (r"(?<![\w.])@(?:fig|tbl|eq|sec)-\w+", "a cross-reference"),
    (r"\$\$", "TeX"),
    (r"\\\(|\\\[", "TeX"),
    (r"^:::", "a fence"),
)


def rendered(page, text):
    "A page is whole: a heading, a title, no failed cell, nothing of the sources."
    if page.headings.count("h1") != 1:
        yield f"has {page.headings.count('h1')} first-level headings"
    if not page.title.strip() or not page.lang:
        yield "has no title or no language"
    if str(ROOT) in text or str(Path.home()) + "/" in text:
        yield "names a folder of the machine that built it"
    if page.errors:
        yield "shows a failed cell"
    if m := re.search(r"<m(?:i|o|n|text)\b[^>]*>[^<]*\\[^<]*<|<merror\b", text):
        yield f"a formula was not understood: {m[0][:60]}"
    for code in re.findall(r"<pre\b.*?</pre>", text, re.S):
        if m := re.search(r"\[`[^`\]\n]+`\]\(https?:[^)\s]*", code):
            yield f"code holds the source of a link: {m[0][:60]}"
    prose = " ".join(page.words)
    for sign, what in UNRENDERED:
        if m := re.search(sign, prose, re.M):
            shown = prose[max(0, m.start() - 30) : m.end() + 30]
            yield f"{what} was not rendered: {shown!r}"


def spelling(pages):
    "Misspelt words, by codespell's list, in the pages' prose."
    try:
        import codespell_lib  # noqa: F401
    except ImportError:
        return ["codespell is not installed: .venv/bin/python -m pip install codespell"]
    found = []
    for name, page in pages.items():
        text = "\n".join(w.strip() for w in page.words if w.strip())
        r = subprocess.run(
            [
                sys.executable,
                "-m",
                "codespell_lib",
                "--ignore-words-list",
                "dows,te,nd,ot,hist,fo,ba,ans",
                "-",
            ],
            input=text,
            capture_output=True,
            text=True,
        )
        found += [
            f"{name}: spelling: {line.split(': ', 1)[-1]}"
            for line in r.stdout.splitlines()
            if "==>" in line
        ]
    return found
