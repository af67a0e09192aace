"""After the pages are rendered: make them whole offline. Quarto and smalldocs both call this as `post-render`.

Mathematics becomes MathML, web fonts and other outside files go, links to the published site become links within this
copy, and search works from a folder as well as from a server.
"""
import base64
import hashlib
import html
import json
import os
from pathlib import Path
import re
import shutil

ROOT = Path(__file__).resolve().parent.parent


def mathml(text):
    "smalldocs leaves TeX for KaTeX, which it would load from outside; Quarto writes MathML itself."
    from latex2mathml.converter import convert
    text = re.sub(r"\\\((.+?)\\\)", lambda m: convert(html.unescape(m[1])), text, flags=re.S)
    text = re.sub(r"\\\[(.+?)\\\]", lambda m: convert(html.unescape(m[1]), display="block"), text, flags=re.S)
    return re.sub(r"<(?:link|script)[^>]*katex[^>]*>(?:</script>)?", "", text)


def page(text, up, base):
    "One page's HTML. `up` leads to the root of the site, `base` is where the site will be published."
    if os.environ.get("SMALLDOCS") and 'class="math' in text:
        parts = re.split(r'(<span class="math[^"]*">.*?</span>)', text, flags=re.S)
        text = "".join(mathml(p) if p.startswith('<span class="math') else p for p in parts)
        text = re.sub(r"<(?:link|script)[^>]*katex[^>]*>(?:</script>)?", "", text)
    if "sv-chart" in text:
        text = text.replace("</head>", f'<link rel="stylesheet" href="{up}docs/schoolvar-charts.css">\n<script defer src="{up}docs/schoolvar-charts.js"></script>\n</head>', 1)
    text = outline(reachable(lighter(text)))
    # nbdev links every name to the published page of its module
    return re.sub(rf'(href=")({re.escape(base)}/)(?:docs/)?([\w]+\.html)', rf"\g<1>{up}docs/\g<3>", text)


def lighter(text):
    "Colours of code weigh more than the code: folded source goes without, and operators stay black. Decoration is named as such."
    def plain(m):
        return re.sub(r"</?(?:span|a)\b[^>]*>", "", m[0])
    text = re.sub(r'(?<=<details class="code-fold">).*?(?=</details>)', plain, text, flags=re.S)
    text = re.sub(r'<span class="op">(.*?)</span>', r"\1", text, flags=re.S)
    text = re.sub(r"(<svg class=['\"]icon xr-icon[^>]*)>", r'\1 aria-hidden="true">', text)
    text = text.replace('<svg style="position: absolute;', '<svg aria-hidden="true" style="position: absolute;')
    # names that are not public have no place of their own on the page
    return re.sub(r'<a href="[^"]*#_\w+"[^>]*>(.*?)</a>', r"\1", text, flags=re.S)


def reachable(text):
    "What keyboards and screen readers need of the theme's marks."
    text = re.sub(r'<nav class="navbar(?![^>]*aria-label)', '<nav aria-label="Site" class="navbar', text)
    text = re.sub(r'<nav class="quarto-secondary-nav"', '<nav aria-label="This page" class="quarto-secondary-nav"', text)
    text = re.sub(r'<nav id="quarto-sidebar"(?![^>]*aria-label)', '<nav aria-label="Pages" id="quarto-sidebar"', text)
    text = re.sub(r'<nav id="TOC"(?![^>]*aria-label)', '<nav aria-label="On this page" id="TOC"', text)
    text = re.sub(r'(<a class="sidebar-item-t[^>]*)role="navigation"', r'\1role="button"', text)       # it opens a section
    text = re.sub(r'<math(?![^>]*tabindex)(?=[^>]*display="block")', '<math tabindex="0"', text)
    text = re.sub(r"<table(?![^>]*tabindex)", '<table tabindex="0"', text)
    text = re.sub(r"<pre(?![^>]*tabindex)", '<pre tabindex="0"', text)               # a wide block scrolls by keyboard too
    text = re.sub(r'<div class="cell-output cell-output-display(?![^>]*tabindex)([^>]*)>(?=\s*(?:<div>\s*)?<svg)', r'<div tabindex="0" class="cell-output cell-output-display\1>', text)
    text = re.sub(r'(<(?:g|path|text)\b[^>]*?) role="graphics-(?:symbol|object|document)"', r"\1", text)     # a picture is described as a whole
    text = re.sub(r'(<(?:g|path|text)\b[^>]*?) aria-roledescription="[^"]*"(?: aria-label="[^"]*")?', r"\1", text)
    text = re.sub(r"<th(?:\s[^>]*)?>\s*</th>", "<td></td>", text)                    # the corner of a table heads nothing
    return text.replace("</head>", '<link rel="icon" href="data:,">\n</head>', 1) if 'rel="icon"' not in text else text


def outline(text):
    "Levels of headings without gaps: nbdev gives every documented name a third level, also where there is no second."
    above = []

    def close_up(m):
        n, attributes = int(m[1]), m[2]
        while above and above[-1] >= n:
            above.pop()
        above.append(n)
        if len(above) != n:       # it keeps its size
            attributes = attributes.replace('class="', f'class="h{n} ', 1) if 'class="' in attributes else f'{attributes} class="h{n}"'
        return f"<h{len(above)}{attributes}>{m[3]}</h{len(above)}>"

    head, sep, main = text.partition("<main")
    return head + sep + re.sub(r"<h([1-6])\b([^>]*)>(.*?)</h\1>", close_up, main, flags=re.S)


def places(texts):
    "Names that nbdev links to a place which their page does not have (what is not public) lead to the top of that page."
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in texts.items()}

    def mend(name):
        def link(m):
            target = os.path.normpath(os.path.join(os.path.dirname(name), m[1])) if m[1] else name
            return m[0] if m[2] in ids.get(target, {m[2]}) else f'<a href="{m[1]}"{m[3]}><code>'
        return re.sub(r'<a href="([^"#:]*)#([^"]+)"([^>]*)><code>', link, texts[name])
    return {name: mend(name) for name in texts}


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
    return re.sub(r"""@import\s*(?:url\(["']?https?://[^)]*\)|"https?://[^"]*"|'https?://[^']*')[^;]*;""", "", text)


SEARCH = """const r = await fetch(offset + "search.json");
      index = await r.json();"""
SEARCH_OFFLINE = """if (!window.searchIndex) await new Promise((done, fail) => {
        const s = document.createElement("script"); s.src = offset + "search-index.js"; s.onload = done; s.onerror = fail;
        document.head.append(s);
      });
      index = window.searchIndex;"""

# Charts follow Bootstrap's own mark of a dark page
DARK = 'document.documentElement.classList.toggle("quarto-dark", dark);'
DARK_BOOTSTRAP = DARK + ' document.documentElement.dataset.bsTheme = dark ? "dark" : "light";'


def search(out):
    "A page opened from a folder may not fetch JSON, but may load a script: search works there too."
    script, data = out / "site_libs" / "smalldocs.js", out / "search.json"
    if not (script.is_file() and data.is_file()):
        return
    text = script.read_text(encoding="utf-8")
    if SEARCH not in text or DARK not in text:
        raise SystemExit("docs_post: this smalldocs reads its search index or turns dark in another way; look at SEARCH and DARK in tools/docs_post.py")
    script.write_text(text.replace(SEARCH, SEARCH_OFFLINE).replace(DARK, DARK_BOOTSTRAP), encoding="utf-8")
    entries = json.loads(data.read_text(encoding="utf-8"))
    (out / "search-index.js").write_text("window.searchIndex = " + json.dumps(entries, ensure_ascii=False) + ";\n", encoding="utf-8")


def main():
    os.chdir(os.environ.get("QUARTO_PROJECT_DIR", ROOT))
    out = Path(os.environ.get("QUARTO_PROJECT_OUTPUT_DIR", "_site"))
    from nbdev.config import get_config
    cfg = get_config()
    base = (cfg.doc_host + cfg.doc_baseurl).rstrip("/").removesuffix("/docs")
    pages = {f.relative_to(out).as_posix(): f for f in sorted(out.rglob("*.html")) if "example" not in f.relative_to(out).parts}
    texts = {}
    for name, f in pages.items():
        new = page(f.read_text(encoding="utf-8"), "../" * name.count("/"), base)
        texts[name] = images(new, f, out)
    for name, text in places(texts).items():
        if text != pages[name].read_text(encoding="utf-8"):
            pages[name].write_text(text, encoding="utf-8")
    example = ROOT / "docs" / "example"       # a report is a site of its own and is published as it was written
    if example.is_dir():
        shutil.copytree(example, out / "example", dirs_exist_ok=True)
    for f in out.rglob("*.css"):
        old = f.read_text(encoding="utf-8")
        if (new := stylesheet(old)) != old:
            f.write_text(new, encoding="utf-8")
    if (sitemap := out / "sitemap.xml").is_file():       # the hour of the build is not a change of the pages
        sitemap.write_text(re.sub(r"\s*<lastmod>[^<]*</lastmod>", "", sitemap.read_text(encoding="utf-8")), encoding="utf-8")
    search(out)
    print(f"docs_post: {len(pages)} pages, whole offline")


if __name__ == "__main__":
    main()
