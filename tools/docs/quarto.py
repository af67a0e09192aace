"""What the pages of Quarto need beyond those of smalldocs, after they are rendered.

No script from outside, no script twice, a search and a table of contents that work from a folder
(browsers refuse modules and `fetch` there), and marks that screen readers understand.
"""

import hashlib
import json
import re

# Quarto adds these to every page with an HTML output, for widgets of other packages. No page of
# this site has one.
REQUIRE = re.compile(
    r'<script[^>]*\bsrc="https?://[^"]*/(?:require|jquery)(?:\.min)?\.js"[^>]*></script>\s*'
    r"|<script[^>]*>\s*define\('jquery'[^<]*</script>\s*"
)
INLINE = re.compile(
    r'<script id="(quarto-html-(?:before|after)-body)" type="application/javascript">'
    r"(.*?)</script>",
    re.S,
)
# Pandoc's own rules, with a word on where they come from or without
STYLE = re.compile(
    r"<style>\s*(?:/\*(?:(?!\*/).)*\*/\s*)?(code\{white-space: pre-wrap;\}.*?)</style>", re.S
)
OPTIONS = re.compile(
    r'(?<=<script id="quarto-search-options" type="application/json">).*?(?=</script>)', re.S
)
# Each line of code is wrapped, and has a name and a link of its own, for numbers that no page shows
LINE = re.compile(
    r'<span id="cb\d+-\d+"><a href="#cb\d+-\d+" aria-hidden="true" tabindex="-1"></a>'
    r"(.*)</span>(?=\n|</code>)"
)
SIDEBAR = re.compile(r'<nav id="quarto-sidebar".*?</nav>', re.S)
MODULE = re.compile(r'(<script src="[^"]*site_libs/quarto-html/quarto\.js") type="module">')
PARTS = re.compile(
    r'<script src="[^"]*site_libs/quarto-html/(?:tabsets/tabsets|axe/axe-check)\.js" '
    r'type="module"></script>\s*'
)


def page(text, up, out):
    "A page of Quarto: `up` leads to the root of the site, which is the folder `out`."
    text = REQUIRE.sub("", text)

    def beside(name, kind, words):
        "Where a file that all pages share is, once for each of its states."
        file = (
            f"site_libs/quarto-html/{name}-{hashlib.sha256(words.encode()).hexdigest()[:8]}.{kind}"
        )
        if not (out / file).is_file():
            (out / file).write_text(words, encoding="utf-8")
        return up + file

    def script(m):
        return f'<script src="{beside(m[1], "js", m[2])}"></script>'

    def style(m):
        return f'<link rel="stylesheet" href="{beside("pandoc", "css", m[1])}">'

    text = STYLE.sub(style, INLINE.sub(script, text))
    text = OPTIONS.sub(lambda m: json.dumps(json.loads(m[0]), separators=(",", ":")), text)
    text = SIDEBAR.sub(lambda m: re.sub(r">\s+<", "><", m[0]), LINE.sub(r"\1", text))
    text = PARTS.sub("", MODULE.sub(r"\1 defer>", text))
    # widths that count the dashes of a table's source break words
    text = re.sub(r"<colgroup>.*?</colgroup>\s*", "", text, flags=re.S)
    # a button is no menu, and what opens the sidebar is no landmark
    text = re.sub(r'(<button class="navbar-toggler"[^>]*?) role="menu"', r"\1", text)
    return re.sub(
        r'(<a class="flex-grow-1[^>]*?) role="navigation"([^>]*data-bs-toggle="collapse")',
        r'\1 role="button"\2',
        text,
    )


IMPORT = re.compile(r'^import \* as (\w+) from "\./([^"]+)";\n', re.M)


def classic(file):
    "A module and those that it imports, as one script."
    text = file.read_text(encoding="utf-8")

    def part(m):
        inner = (file.parent / m[2]).read_text(encoding="utf-8")
        exported = re.findall(r"^export (?:async )?function (\w+)", inner, re.M)
        inner = re.sub(r"^export ", "", inner, flags=re.M)
        return f"const {m[1]} = (() => {{\n{inner}\nreturn {{ {', '.join(exported)} }};\n}})();\n"

    text = IMPORT.sub(part, text)
    if re.search(r"^(?:import|export)\b", text, re.M):
        raise SystemExit(
            f"docs_post: {file.name} of this Quarto imports in another way; look at IMPORT in "
            "tools/docs/quarto.py"
        )
    return f'(() => {{\n"use strict";\n{text}\n}})();\n'


WARNING = re.compile(
    r'    if \(window\.location\.protocol === "file:" && !shownWarning\) \{.*?\n    \}\n', re.S
)
FETCH = 'const response = await fetch(offsetURL("search.json"));'
OFFLINE = """if (!window.searchIndex) await new Promise((done, fail) => {
      const script = document.createElement("script");
      script.src = offsetURL("search-index.js"); script.onload = done; script.onerror = fail;
      document.head.append(script);
    });
    const response = { status: 200, json: async () => window.searchIndex };"""


# Rules for wrapped lines would take the colours of words in lines that are not
LINES = re.compile(r"(?:pre > )?code\.sourceCode > span[^{},]*\{[^}]*\}\s*")


def styles(out):
    "The style sheets of all pages, for code whose lines are not wrapped."
    for file in (out / "site_libs" / "quarto-html").glob("*.css"):
        text = file.read_text(encoding="utf-8")
        if (plain := LINES.sub("", text)) != text:
            file.write_text(plain, encoding="utf-8")


def scripts(out):
    "The scripts of all pages, so that they work from a folder. Whether Quarto rendered the site."
    main = out / "site_libs" / "quarto-html" / "quarto.js"
    search = out / "site_libs" / "quarto-search" / "quarto-search.js"
    if not main.is_file():
        return False
    if not (text := main.read_text(encoding="utf-8")).startswith("(() => {"):
        main.write_text(classic(main), encoding="utf-8")
    text = search.read_text(encoding="utf-8")
    if OFFLINE not in text:
        if not WARNING.search(text) or FETCH not in text:
            raise SystemExit(
                "docs_post: this Quarto reads its search index in another way; look at WARNING "
                "and FETCH in tools/docs/quarto.py"
            )
        search.write_text(WARNING.sub("", text).replace(FETCH, OFFLINE), encoding="utf-8")
    styles(out)
    return True
