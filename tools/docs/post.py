"""After the pages are rendered: make them whole offline, and light. Quarto and smalldocs both call
this as `post-render`.

Folded source goes to files beside the pages, mathematics becomes MathML, web fonts and other
outside files go, links to the published site become links within this copy, and search works
from a folder as well as from a server.
"""

import base64
import hashlib
import html
import json
import os
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from docs import quarto  # noqa: E402
from docs.builders import built_by  # noqa: E402
from docs.copies import copies  # noqa: E402
from docs.light import lighter, near  # noqa: E402
from docs.moved import forward  # noqa: E402

FRONT = '<div id="sv-front"></div>'  # where the living figure of the first page goes


def mathml(text):
    "smalldocs leaves TeX for KaTeX, which it would load from outside; Quarto writes MathML itself."
    from latex2mathml.converter import convert

    text = re.sub(r"\\\((.+?)\\\)", lambda m: convert(html.unescape(m[1])), text, flags=re.S)
    text = re.sub(
        r"\\\[(.+?)\\\]", lambda m: convert(html.unescape(m[1]), display="block"), text, flags=re.S
    )
    return re.sub(r"<(?:link|script)[^>]*katex[^>]*>(?:</script>)?", "", text)


def page(text, up, base):
    """One page's HTML.

    `up` leads to the root of the site, `base` is where the site will be published.
    """
    if os.environ.get("SMALLDOCS") and 'class="math' in text:
        parts = re.split(r'(<span class="math[^"]*">.*?</span>)', text, flags=re.S)
        text = "".join(mathml(p) if p.startswith('<span class="math') else p for p in parts)
        text = re.sub(r"<(?:link|script)[^>]*katex[^>]*>(?:</script>)?", "", text)
    if FRONT in text:
        text = text.replace(FRONT, (ROOT / "docs" / "front.html").read_text(encoding="utf-8"))
    if "sv-chart" in text:
        text = text.replace(
            "</head>",
            (
                f'<link rel="stylesheet" href="{up}docs/schoolvar-charts.css">\n<script defer '
                f'src="{up}docs/schoolvar-charts.js"></script>\n</head>'
            ),
            1,
        )
    text = outline(reachable(lines(near(lighter(plain_comments(text))))))
    # nbdev links every name to the published page of its module
    text = text.replace(f'href="{base}/llms.txt"', f'href="{up}llms.txt"')
    return re.sub(
        rf'(href=")({re.escape(base)}/)(?:docs/)?(?!guides/|example/)((?:\w+/)?\w+\.html)',
        rf"\g<1>{up}docs/\g<3>",
        text,
    )


def plain_comments(text):
    "Names in the comments of code, without the address that nbdev puts beside them."

    def plain(code):
        return re.sub(r"\[`([^`\]]+)`\]\(https?://[^)\s]+\)", r"\1", code[0])

    return re.sub(r"<pre.*?</pre>", plain, text, flags=re.S)


SOURCE = re.compile(
    r'<details class="(code-fold|sv-program)">\s*<summary>(.*?)</summary>.*?'
    r"<pre[^>]*>(?:<code[^>]*>)?(.*?)(?:</code>)?</pre>.*?</details>",
    re.S,
)


def sources(text, name, out):
    """Folded source comes when it is opened, from a script that holds a page's sources.

    It weighs more than all else on a page. Without scripts a link leads to the file.
    """
    found, up = [], "../" * (name.count("/") - 1)
    stem = name.removeprefix("docs/").removesuffix(".html").replace("/", ".")

    def fold(m):
        file = f"{m[2].split(',')[0]}.txt" if m[1] == "sv-program" else f"{stem}.py.txt"
        if not (out / "docs" / "source" / file).is_file():
            return m[0]
        found.append(html.unescape(re.sub(r"<[^>]+>", "", m[3])))
        return (
            f'<details class="{m[1]}" data-source="{stem}" '
            f'data-place="{len(found) - 1}"><summary>{m[2]}</summary><a '
            f'href="{up}source/{file}">{file.removesuffix(".txt")}</a></details>'
        )

    text = SOURCE.sub(fold, text)
    if found:
        (out / "docs" / "source" / f"{stem}.js").write_text(
            (
                f"(window.schoolvarSource ||= {{}})[{json.dumps(stem)}] = "
                f"{json.dumps(found, ensure_ascii=False)};\n"
            ),
            encoding="utf-8",
        )
        text = text.replace(
            "</head>", f'<script defer src="{up}source/open.js"></script>\n</head>', 1
        )
    return text


OPEN = """// Puts the source of a folded block into it when it is opened.
const schoolvarSources = document.currentScript.src.replace(/open\\.js$/, "");
document.addEventListener("toggle", e => {
  const fold = e.target, page = fold.dataset && fold.dataset.source;
  if (!page || !fold.open || fold.dataset.here) return;
  fold.dataset.here = "coming";
  const show = () => {
    const pre = document.createElement("pre");
    pre.tabIndex = 0;
    pre.append(document.createElement("code"));
    pre.firstChild.textContent = window.schoolvarSource[page][fold.dataset.place];
    fold.querySelector("a").replaceWith(pre);
    fold.dataset.here = "yes";
  };
  if (window.schoolvarSource && window.schoolvarSource[page]) return show();
  const script = document.createElement("script");
  script.src = schoolvarSources + page + ".js";
  script.onload = show;
  script.onerror = () => { delete fold.dataset.here; };
  document.head.append(script);
}, true);
"""


def source_files(out):
    "The library's modules and the Stan programs as plain text, which a browser shows."
    folder = out / "docs" / "source"
    folder.mkdir(parents=True, exist_ok=True)
    for f in ROOT.glob("schoolvar/*/*.py"):
        shutil.copyfile(f, folder / f"{f.parent.name}.{f.name}.txt")
    for f in ROOT.glob("stan/**/*.stan*"):
        shutil.copyfile(f, folder / f"{f.name}.txt")
    (folder / "open.js").write_text(OPEN, encoding="utf-8")


def lines(text):
    "nbdev does not know at which line of its module a name stands: look there."

    def line(m):
        module = ROOT / "schoolvar" / f"{m[1]}.py"
        code = module.read_text(encoding="utf-8").splitlines() if module.is_file() else []
        n = next(
            (
                i
                for i, c in enumerate(code, 1)
                if re.match(rf"(?:def|class) {re.escape(m[3])}\b", c)
            ),
            None,
        )
        return f'/schoolvar/{m[1]}.py{f"#L{n}" if n else ""}"{m[2]}{m[3]}<'

    return re.sub(
        r'(?<=blob/main)/schoolvar/((?:\w+/)*\w+)\.py#LNone"'
        r"((?:(?!<h\d|#LNone).)*?<h\d[^>]*>)(\w+)<",
        line,
        text,
        flags=re.S,
    )


def reachable(text):
    "What keyboards and screen readers need of the theme's marks."
    text = re.sub(
        r'<nav class="navbar(?![^>]*aria-label)', '<nav aria-label="Site" class="navbar', text
    )
    text = re.sub(
        r'<nav class="quarto-secondary-nav"',
        '<nav aria-label="This page" class="quarto-secondary-nav"',
        text,
    )
    text = re.sub(
        r'<nav id="quarto-sidebar"(?![^>]*aria-label)',
        '<nav aria-label="Pages" id="quarto-sidebar"',
        text,
    )
    text = re.sub(
        r'<nav id="TOC"(?![^>]*aria-label)', '<nav aria-label="On this page" id="TOC"', text
    )
    # it opens a section
    text = re.sub(r'(<a class="sidebar-item-t[^>]*)role="navigation"', r'\1role="button"', text)
    text = re.sub(r'<math(?![^>]*tabindex)(?=[^>]*display="block")', '<math tabindex="0"', text)
    text = re.sub(r"<table(?![^>]*tabindex)", '<table tabindex="0"', text)
    # a wide block scrolls by keyboard too
    text = re.sub(r"<pre(?![^>]*tabindex)", '<pre tabindex="0"', text)
    text = re.sub(
        (
            r'<div class="cell-output '
            r"cell-output-display(?![^>]*tabindex)([^>]*)>(?=\s*(?:<div>\s*)?<svg)"
        ),
        r'<div tabindex="0" class="cell-output cell-output-display\1>',
        text,
    )
    # a picture is described as a whole
    text = re.sub(
        r'(<(?:g|path|text)\b[^>]*?) role="graphics-(?:symbol|object|document)"', r"\1", text
    )
    text = re.sub(
        r'(<(?:g|path|text)\b[^>]*?) aria-roledescription="[^"]*"(?: aria-label="[^"]*")?',
        r"\1",
        text,
    )
    # the corner of a table heads nothing
    text = re.sub(r"<th(?:\s[^>]*)?>\s*</th>", "<td></td>", text)
    return (
        text.replace("</head>", '<link rel="icon" href="data:,">\n</head>', 1)
        if 'rel="icon"' not in text
        else text
    )


def outline(text):
    """Levels of headings without gaps.

    Nbdev gives every documented name a third level, also where there is no second.
    """
    above = []

    def close_up(m):
        n, attributes = int(m[1]), m[2]
        while above and above[-1] >= n:
            above.pop()
        above.append(n)
        if len(above) != n:  # it keeps its size
            attributes = (
                attributes.replace('class="', f'class="h{n} ', 1)
                if 'class="' in attributes
                else f'{attributes} class="h{n}"'
            )
        return f"<h{len(above)}{attributes}>{m[3]}</h{len(above)}>"

    head, sep, main = text.partition("<main")
    return head + sep + re.sub(r"<h([1-6])\b([^>]*)>(.*?)</h\1>", close_up, main, flags=re.S)


def places(texts):
    """Names that nbdev links to a place which their page does not have (what is not public)
    lead to the top of that page.
    """
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in texts.items()}

    def mend(name):
        own = re.escape(os.path.relpath(name, os.path.dirname(name) or "."))
        # a page's links to itself need no way
        up = "../" * name.count("/")
        texts[name] = re.sub(rf'href="(?:{own}|{up}{re.escape(name)})#', 'href="#', texts[name])

        def link(m):
            target = os.path.normpath(os.path.join(os.path.dirname(name), m[1])) if m[1] else name
            return m[0] if m[2] in ids.get(target, {m[2]}) else f'<a href="{m[1]}"{m[3]}><code>'

        return re.sub(r'<a href="([^"#:]*)#([^"]+)"([^>]*)><code>', link, texts[name])

    return {name: mend(name) for name in texts}


def anywhere(text, base):
    """A server shows the page for what is not there at every depth, so that its links must lead
    from the root of the host, as Quarto writes them.
    """
    root = urlsplit(base).path.rstrip("/") + "/"
    text = re.sub(r'(name="smalldocs:offset" content=")(?:\./)?"', rf'\g<1>{root}"', text)
    return re.sub(r'\b(href|src)="(?![a-z]+:|[#/]|")(?:\./)?([^"]*)"', rf'\1="{root}\2"', text)


def images(text, file, out):
    "Pictures inside a page become files beside it."

    def save(m):
        data = base64.b64decode(m[2])
        name = f"figure-{hashlib.sha256(data).hexdigest()[:12]}.{m[1].removesuffix('+xml')}"
        (out / "docs" / "figures").mkdir(parents=True, exist_ok=True)
        (out / "docs" / "figures" / name).write_bytes(data)
        return f'src="{"../" * (len(file.relative_to(out).parts) - 1)}docs/figures/{name}"'

    return re.sub(r'src="data:image/([a-z+]+);base64,([A-Za-z0-9+/=\s]{4000,})"', save, text)


def stylesheet(text):
    "Fonts come from the reader's machine."
    return re.sub(
        r"""@import\s*(?:url\(["']?https?://[^)]*\)|"https?://[^"]*"|'https?://[^']*')[^;]*;""",
        "",
        text,
    )


SEARCH = """const r = await fetch(offset + "search.json");
      index = await r.json();"""
SEARCH_OFFLINE = """if (!window.searchIndex) await new Promise((done, fail) => {
        const s = document.createElement("script");
        s.src = offset + "search-index.js"; s.onload = done; s.onerror = fail;
        document.head.append(s);
      });
      index = window.searchIndex;"""

# Charts follow Bootstrap's own mark of a dark page
DARK = 'document.documentElement.classList.toggle("quarto-dark", dark);'
DARK_BOOTSTRAP = DARK + ' document.documentElement.dataset.bsTheme = dark ? "dark" : "light";'


def search(out):
    "A page opened from a folder may not fetch JSON, but may load a script: search works there too."
    script = out / "site_libs" / "smalldocs.js"
    if not quarto.scripts(out):
        text = script.read_text(encoding="utf-8")
        if SEARCH not in text or DARK not in text:
            raise SystemExit(
                "docs_post: this smalldocs reads its search index or turns dark in another "
                "way; look at SEARCH and DARK in tools/docs/post.py"
            )
        script.write_text(
            text.replace(SEARCH, SEARCH_OFFLINE).replace(DARK, DARK_BOOTSTRAP), encoding="utf-8"
        )
    entries = json.loads((out / "search.json").read_text(encoding="utf-8"))
    (out / "search-index.js").write_text(
        "window.searchIndex = " + json.dumps(entries, ensure_ascii=False) + ";\n", encoding="utf-8"
    )


def finished(name, file, base, out):
    "A page as it is published."
    text, up = file.read_text(encoding="utf-8"), "../" * name.count("/")
    if built_by(text) == "quarto":
        text = quarto.page(text, up, out)
    text = images(page(text, up, base), file, out)
    if name == "404.html":
        text = anywhere(text, base)
    told = ("docs/studies/", "docs/explanations/")
    if name.startswith("docs/") and not name.startswith(told):
        text = sources(text, name, out)
    return text


def main():
    os.chdir(os.environ.get("QUARTO_PROJECT_DIR", ROOT))
    out = Path(os.environ.get("QUARTO_PROJECT_OUTPUT_DIR", "_site"))
    from nbdev.config import get_config

    cfg = get_config()
    base = (cfg.doc_host + cfg.doc_baseurl).rstrip("/").removesuffix("/docs")
    pages = {
        f.relative_to(out).as_posix(): f
        for f in sorted(out.rglob("*.html"))
        if "example" not in f.relative_to(out).parts
    }
    source_files(out)
    texts = {name: finished(name, f, base, out) for name, f in pages.items()}
    for name, text in places(texts).items():
        if text != pages[name].read_text(encoding="utf-8"):
            pages[name].write_text(text, encoding="utf-8")
    # a report is a site of its own and is published as it was written
    example = ROOT / "docs" / "example"
    if example.is_dir():
        shutil.copytree(example, out / "example", dirs_exist_ok=True)
    for f in out.rglob("*.css"):
        old = f.read_text(encoding="utf-8")
        if (new := stylesheet(old)) != old:
            f.write_text(new, encoding="utf-8")
    # the hour of the build is not a change of the pages
    if (sitemap := out / "sitemap.xml").is_file():
        sitemap.write_text(
            re.sub(
                r"\s*<lastmod>[^<]*</lastmod>|\s*<url>\s*<loc>[^<]*/404\.html</loc>\s*</url>",
                "",
                sitemap.read_text(encoding="utf-8"),
            ),
            encoding="utf-8",
        )
    search(out)
    copies(ROOT, out.resolve())
    forward(out, base)
    print(f"docs_post: {len(pages)} pages, whole offline")


if __name__ == "__main__":
    main()
