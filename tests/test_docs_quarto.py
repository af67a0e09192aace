"""What real Quarto needs of the site's sources, held without Quarto.

Each was seen to fail with one of the versions in tools/docs/builders.py.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
NOTEBOOKS = sorted((ROOT / "nbs").glob("**/*.ipynb"))
# Keys of _quarto.yml that every tried version accepts; one that is new is tried with all of them
# before it is listed here.
ALLOWED = {
    "": "project website format",
    "project": "type output-dir pre-render post-render render resources",
    "website": "title description site-url repo-url navbar page-footer sidebar",
    "website.navbar": "search left",
    "website.navbar.left": "text href",
    "website.page-footer": "left right",
    "website.page-footer.right": "text href",
    "website.sidebar": "id style collapse-level contents",
    "website.sidebar.contents": "section href contents",
    "website.sidebar.contents.contents": "section href contents",
    "format": "html",
    "format.html": "theme css respect-user-color-scheme toc toc-expand code-copy html-math-method "
    "html-table-processing",
    "format.html.theme": "light dark",
}


def config():
    return yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))


def keys(value, at=""):
    "(place, key) of every mapping, at any depth."
    if isinstance(value, list):
        for item in value:
            yield from keys(item, at)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield at, key
            yield from keys(inner, f"{at}.{key}".strip("."))


def test_keys_are_those_that_every_tried_version_takes():
    assert [
        f"{at}.{key}" for at, key in keys(config()) if key not in ALLOWED.get(at, "").split()
    ] == []
    # refused by 1.8.26, known from 1.9.30 on
    assert ("website", "llms-txt") not in set(keys(config()))


def test_the_workflow_publishes_with_a_version_that_was_tried():
    from docs.builders import TRIED

    text = (ROOT / ".github" / "workflows" / "site.yml").read_text(encoding="utf-8")
    assert re.search(r'QUARTO_VERSION: "([^"]+)"', text)[1] in TRIED
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [version for version in TRIED if version not in page] == []


def tracked():
    "Paths of a fresh clone."
    run = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name for name in run.stdout.split("\0") if name}


def included(texts):
    "Files that pages include, and that no clone has."
    there = tracked()
    missing = []
    for name, text in texts.items():
        for path in re.findall(r"\{\{<\s*include\s+([^\s>]+)\s*>\}\}", text):
            file = ((ROOT / name).parent / path).resolve()
            if not file.is_relative_to(ROOT) or file.relative_to(ROOT).as_posix() not in there:
                missing.append(f"{name}: {path}")
    return missing


def test_what_pages_include_is_there_before_anything_is_rendered():
    "Quarto resolves includes before it runs the pre-render script."
    pages = [*ROOT.glob("*.qmd"), *ROOT.glob("guides/*.qmd"), *NOTEBOOKS]
    texts = {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in pages}
    assert included(texts) == []
    assert included({"index.qmd": "{{< include docs/front.md >}}"}) == ["index.qmd: docs/front.md"]
    assert included({"guides/x.qmd": "{{< include ../README.md >}}"}) == []


def test_quarto_finds_its_lines_in_the_list_of_what_git_ignores():
    "It appends them to the tracked file where they are not."
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/.quarto/", "**/*.quarto_ipynb"} <= set(lines)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.relative_to(ROOT / "nbs").as_posix())
def test_notebooks_are_valid(path):
    nbformat.validate(json.loads(path.read_text(encoding="utf-8")))


def test_mathematics_has_single_backslashes():
    "Two of them before a word are a line's end and a word, in every renderer."
    found = []
    for path in (*ROOT.glob("*.qmd"), *ROOT.glob("guides/*.qmd")):
        formulas = re.findall(r"\$[^$\n]+\$", path.read_text(encoding="utf-8"))
        found += [f"{path.name}: {f}" for f in formulas if re.search(r"\\\\[a-zA-Z]", f)]
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] == "markdown" and (m := re.search(r"\\\\[a-zA-Z]\w*", text)):
                found.append(f"{path.name} {cell['id']}: {m[0]}")
    assert found == []


def test_pages_are_written_as_lists_of_lines(tmp_path):
    "One text is joined by Quarto without ends of lines."
    from docs.sources import write_notebook

    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# T\n\nWords"},
        {"cell_type": "code", "id": "b", "metadata": {}, "source": "import re\nimport sys"},
        {"cell_type": "raw", "id": "c", "metadata": {}, "source": ["---\n", "title: T\n"]},
    ]
    file = tmp_path / "page.ipynb"
    write_notebook(file, {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    page = json.loads(file.read_text(encoding="utf-8"))
    nbformat.validate(page)
    assert [cell["source"] for cell in page["cells"]] == [
        ["# T\n", "\n", "Words"],
        ["import re\n", "import sys"],
        ["---\n", "title: T\n"],
    ]


HEAD = """<meta name="generator" content="quarto-1.9.37">
<script src="https://cdn.jsdelivr.net/npm/requirejs@2.3.6/require.min.js" crossorigin="anonymous">\
</script>
<script src="https://cdn.jsdelivr.net/npm/jquery@3.5.1/dist/jquery.min.js">\
</script>
<script type="application/javascript">define('jquery', [],function() {return window.jQuery;})\
</script>
<script src="../site_libs/quarto-html/quarto.js" type="module"></script>
<script src="../site_libs/quarto-html/tabsets/tabsets.js" type="module"></script>
"""
SIDEBAR = """<nav id="quarto-sidebar" class="sidebar"><ul><li class="sidebar-item">
  <div class="sidebar-item-container">
  <a href="../docs/ranks.html" class="sidebar-item-text sidebar-link active">
 <span class="menu-text">ranks</span></a>
  </div></li><li class="sidebar-item sidebar-item-section"><div class="sidebar-item-container">
  <a href="../docs/reference/data.html" class="sidebar-item-text sidebar-link">
 <span class="menu-text">Data</span></a>
  <a class="sidebar-item-toggle text-start collapsed" data-bs-target="#quarto-sidebar-section-3">
  <i></i></a>
  </div>
  <ul id="quarto-sidebar-section-3" class="collapse list-unstyled sidebar-section depth1 ">
  <li class="sidebar-item"><a href="../docs/data/tables.html" class="sidebar-link">tables</a></li>
  </ul></li></ul></nav>
"""
BODY = """<button class="navbar-toggler" type="button" role="menu" aria-expanded="false"></button>
<a class="flex-grow-1" role="navigation" data-bs-toggle="collapse" aria-label="Toggle">
</a><pre><code><span id="cb1-1"><a href="#cb1-1" aria-hidden="true" tabindex="-1"></a>x <span \
class="co"># y</span></span>
<span id="cb1-2"><a href="#cb1-2" aria-hidden="true" tabindex="-1"></a></span>
<span id="cb1-3"><a href="#cb1-3" aria-hidden="true" tabindex="-1"></a>z</span></code></pre>
<table><colgroup><col style="width: 3%"><col style="width: 97%"></colgroup><tr><td>1</td></tr></table>
<script id="quarto-html-after-body" type="application/javascript">let words = 1;</script>
"""


def test_a_page_of_quarto_loads_nothing_from_outside(tmp_path):
    from docs import quarto
    from docs.builders import built_by

    (tmp_path / "site_libs" / "quarto-html").mkdir(parents=True)
    assert built_by(HEAD) == "quarto"
    page = quarto.page(HEAD + BODY, "../", tmp_path)
    assert "require" not in page and "jquery" not in page.lower() and "https:" not in page
    assert "module" not in page and '/quarto.js" defer></script>' in page
    assert 'role="menu"' not in page and 'role="navigation"' not in page
    # lines of code have no names, and keep their words' colours
    assert '<pre><code>x <span class="co"># y</span>\n\nz</code></pre>' in page
    # widths that break words make a page too wide for a phone
    assert "<colgroup>" not in page
    (script,) = re.findall(r'src="\.\./(site_libs/[^"]*after-body[^"]*)"', page)
    assert (tmp_path / script).read_text(encoding="utf-8") == "let words = 1;"


STYLE = """{}code{{white-space: pre-wrap;}}
pre > code.sourceCode > span {{ display: inline-block; }}
@media print {{
pre > code.sourceCode > span {{ text-indent: -5em; }}
}}
"""


@pytest.mark.parametrize("words", ["", "/* Default styles provided by pandoc.\n** See it.\n*/\n"])
def test_rules_and_options_that_all_pages_share_weigh_little(words, tmp_path):
    from docs import quarto

    shared = tmp_path / "site_libs" / "quarto-html"
    shared.mkdir(parents=True)
    options = '<script id="quarto-search-options" type="application/json">{}</script>'
    head = f"<style>\n{STYLE.format(words)}</style>" + options.format('{\n  "limit": 50\n}')
    page = quarto.page(head, "../", tmp_path)
    assert "<style" not in page and options.format('{"limit":50}') in page
    (style,) = re.findall(r'<link rel="stylesheet" href="\.\./(site_libs/[^"]+)">', page)
    quarto.styles(tmp_path)
    text = (tmp_path / style).read_text(encoding="utf-8")
    assert text.startswith("code{white-space: pre-wrap;}") and "span" not in text
    # the highlighter's own rules give way too, those for words stay
    (shared / "words.css").write_text(
        "code.sourceCode > span {\n color: red;\n}\ncode span.co {}\n"
    )
    quarto.styles(tmp_path)
    assert (shared / "words.css").read_text() == "code span.co {}\n"


def test_the_sidebar_of_quarto_is_cut_to_its_part(tmp_path, monkeypatch):
    "Each line keeps what Quarto's own style sheet needs, the page that is read its mark."
    from docs import post, quarto

    monkeypatch.delenv("SMALLDOCS", raising=False)
    page = post.page(quarto.page(SIDEBAR, "../", tmp_path), "../", "https://example.org/site")
    assert re.findall(r'href="([^"]+)"', page) == [
        "../docs/ranks.html",
        "../docs/reference/data.html",
    ]
    assert (
        '<li class="sidebar-item"><div class="sidebar-item-container"><a '
        'href="../docs/ranks.html" class="sidebar-item-text sidebar-link active"><span '
        'class="menu-text">ranks</span></a></div></li>'
    ) in page
    assert page.count("<div") == page.count("</div>") and page.count("<ul") == page.count("</ul>")


def test_a_table_of_contents_shows_all_its_levels():
    "Quarto opens the first only, unless it is told otherwise."
    assert config()["format"]["html"]["toc-expand"] is True


def test_pages_have_one_budget_by_builder_and_contributors_read_it():
    from docs.builders import WEIGHT

    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    row = re.search(r"^\| budget of a page, kB \|(.*)\|$", text, re.M)[1]
    said = [int(cell) * 1000 for cell in row.split("|")]
    assert said == [WEIGHT["smalldocs"], WEIGHT["quarto"], WEIGHT["quarto"]]
    assert WEIGHT["smalldocs"] <= 60_000


def test_the_first_line_of_a_build_is_the_builder(monkeypatch, capsys):
    from docs import __main__ as build
    from docs import pages

    ran = []
    monkeypatch.setenv("SCHOOLVAR_SMALLDOCS", "1")
    monkeypatch.setattr(pages, "sidebar", lambda: False)
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(build.subprocess, "run", lambda *a, **k: ran.append(a[0]) or done)
    build.build()
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Built with smalldocs ") and len(ran) == 1


SCRIPT = """import * as tabsets from "./tabsets/tabsets.js";
import * as axe from "./axe/axe-check.js";

tabsets.init();
axe.init();
"""
SEARCH = """async function readSearchData() {
    if (window.location.protocol === "file:" && !shownWarning) {
      window.alert("no");
      return;
    }
    const response = await fetch(offsetURL("search.json"));
}
"""


@pytest.fixture
def libraries(tmp_path):
    "The scripts of Quarto's pages, as far as they are changed."
    home = tmp_path / "site_libs" / "quarto-html"
    for part in ("tabsets/tabsets.js", "axe/axe-check.js"):
        (home / part).parent.mkdir(parents=True)
        (home / part).write_text("export function init() {\n}\n")
    (home / "quarto.js").write_text(SCRIPT)
    search = tmp_path / "site_libs" / "quarto-search" / "quarto-search.js"
    search.parent.mkdir()
    search.write_text(SEARCH)
    return tmp_path


def test_scripts_of_quarto_work_from_a_folder(libraries):
    "Browsers refuse modules and `fetch` on pages that are opened from a folder."
    from docs import quarto

    assert quarto.scripts(libraries)
    main = (libraries / "site_libs/quarto-html/quarto.js").read_text()
    search = (libraries / "site_libs/quarto-search/quarto-search.js").read_text()
    assert not re.search(r"^(?:im|ex)port\b", main, re.M) and main.count("return { init };") == 2
    assert "fetch(" not in search and "alert" not in search and "search-index.js" in search
    # a second run changes nothing
    assert quarto.scripts(libraries)
    assert (libraries / "site_libs/quarto-html/quarto.js").read_text() == main
    assert (libraries / "site_libs/quarto-search/quarto-search.js").read_text() == search


@pytest.mark.parametrize(
    "file, old, new, said",
    [
        ("quarto-search/quarto-search.js", "await fetch(", "await get(", "search index"),
        ("quarto-html/quarto.js", "import * as axe", "import axe", "imports in another way"),
    ],
)
def test_another_quarto_is_noticed(libraries, file, old, new, said):
    from docs import quarto

    path = libraries / "site_libs" / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(SystemExit, match=said):
        quarto.scripts(libraries)


@pytest.mark.parametrize(
    "version, forced, name, said",
    [
        ("1.9.37", "", "quarto", "Built with Quarto 1.9.37: it is on the path, and was tried"),
        ("1.8.26", "1", "smalldocs", "SCHOOLVAR_SMALLDOCS is set"),
        ("1.3.450", "", "smalldocs", "Quarto 1.3.450 was not tried with this site"),
        ("", "", "smalldocs", "does not say its version"),
        (None, "", "smalldocs", "no Quarto is on the path"),
    ],
)
def test_the_builder_and_why(version, forced, name, said, tmp_path, monkeypatch):
    from docs import builders

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin" if version is not None else "/nowhere")
    monkeypatch.setenv("SCHOOLVAR_SMALLDOCS", forced)
    if version is not None:
        fake = tmp_path / "quarto"
        fake.write_text(f"#!/bin/sh\necho {version}\n" if version else "#!/bin/sh\nexit 1\n")
        fake.chmod(0o755)
    builder = builders.choose()
    assert builder.name == name and said in builder.why and "\n" not in builder.why
    assert builder.command[1] == "render" and name in builder.command[0]


def test_names_of_annotations_are_lent(tmp_path, monkeypatch):
    "Documentation evaluates `-> pd.DataFrame` where pandas is imported in the function only."
    from docs import pre

    (tmp_path / "late.py").write_text(
        "from __future__ import annotations\n\n\n"
        "def f() -> pd.DataFrame:\n    import pandas as pd\n    import json\n    return pd, json\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import late

    pre.lend_names("late")
    assert late.pd.DataFrame and not hasattr(late, "json")
