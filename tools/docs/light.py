"What a page can do without: colours, names of cells, the sidebar of other parts."

import os
import re


def lighter(text):
    """Colours of code weigh more than the code.

    Folded source goes without, elsewhere words of the language and comments have one.
    Decoration is named as such.
    """
    text = plain_code(text)
    # pandas names each cell of a styled table, for styles that no page has
    if "#T_" not in text:
        text = plain_tables(text)
    # numbers of cells are nobody's link
    text = re.sub(r'(<div) id="c(?:ell-|b)\d+"', r"\1", text)
    text = re.sub(r'(<div class="sourceCode[^"]*") id="cb\d+"', r"\1", text)
    # nor are those that notebooks give them
    text = re.sub(r'<div id="[0-9a-f]{8}" class="cell"', '<div class="cell"', text)
    # nor are those of the table of contents
    text = re.sub(r'(<a href="#[^"]+") id="toc-[^"]+"', r"\1", text)
    # lines between blocks
    blocks = "div|section|details|h[1-6]|ul|li|p|table|figure|nav"
    text = re.sub(rf">\s*\n\s*<(/?(?:{blocks})\b)", r"><\1", text)
    if os.environ.get("SMALLDOCS"):  # Quarto's own style sheet needs what is taken here
        text = unwrapped(text.replace(" code-with-copy", ""))
    text = plain_signatures(text)
    text = re.sub(r"(<svg class=['\"]icon xr-icon[^>]*)>", r'\1 aria-hidden="true">', text)
    text = text.replace(
        '<svg style="position: absolute;', '<svg aria-hidden="true" style="position: absolute;'
    )
    # names that are not public have no place of their own on the page
    return re.sub(r'<a href="[^"]*#_\w+"[^>]*>(.*?)</a>', r"\1", text, flags=re.S)


def unwrapped(text):
    "smalldocs wraps each line of the sidebar three times; its style sheet needs the innermost."
    return re.sub(
        r'<div class="sidebar-item-container">(<a [^>]*class=")sidebar-item-text '
        r'(sidebar-link[^>]*>)<span class="menu-text">([^<]*)</span></a></div>',
        r"\1\2\3</a>",
        text,
    )


def plain_code(text):
    "Few colours in code, quotation marks as they are, and tables without lines between cells."

    def plain(m):
        return re.sub(r"</?(?:span|a)\b[^>]*>", "", m[0])

    text = re.sub(r'(?<=<details class="code-fold">).*?(?=</details>)', plain, text, flags=re.S)
    colours = "op|bu|dv|fl|cn|va|dt|sc|bn|st|ss|vs|ch"
    text = re.sub(rf'<span class="(?:{colours})">(.*?)</span>', r"\1", text, flags=re.S)

    def unquoted(m):
        return m[0].replace("&quot;", '"').replace("&#x27;", "'")

    text = re.sub(r"<pre\b.*?</pre>", unquoted, text, flags=re.S)

    def dense(m):
        return re.sub(r">\n\s*<", "><", m[0])

    return re.sub(r"<table\b.*?</table>", dense, text, flags=re.S)


def plain_tables(text):
    "Tables without the names that pandas gives to their cells."
    text = re.sub(r'<style type="text/css">\s*</style>\s*', "", text)
    text = re.sub(r'(<t[dh]) id="T_\w+" class="[^"]*"', r"\1", text)
    text = re.sub(r'(<table\b[^>]*?) id="T_\w+"', r"\1", text)
    classes = r"blank|col_heading|index_name|row_heading|level\d+|row\d+|col\d+| "
    text = re.sub(rf'<th class="(?:{classes})*"', "<th", text)
    return re.sub(r"<(t[dh]) +>", r"<\1>", text)


def plain_signatures(text):
    "Of a signature nobody wants a copy, and nbdev styles each link to a source by itself."
    text = re.sub(
        r'(<h[2-6] [^>]*>[^<]*</h[2-6]>\s*)<div class="code-copy-outer-scaffold">'
        r'(<div class="sourceCode".*?</div>)'
        r'<button [^>]*class="code-copy-button">.*?</button></div>',
        r"\1\2",
        text,
        flags=re.S,
    )
    return re.sub(
        r'<hr(?: /)?>\s*<p><a href="([^"]*)" target="_blank" '
        r'style="float:right; font-size:smaller">source</a></p>',
        r'<a class="sv-line" href="\1">source</a>',
        text,
    )


def near(text):
    """The sidebar lists the part of the library that the page belongs to.

    Of the others, whose headings lead to a list, it keeps the heading.
    """
    closed = (
        r'(<a (?=[^>]*href=)[^>]*class="sidebar-item-text '
        r"sidebar-link[^>]*>(?:(?!</a>).)*</a>)\s*<a "
        r'class="sidebar-item-toggle[^>]*collapsed[^>]*>.*?</a>\s*</div>\s*<ul id="[^"]+" '
        r'class="collapse list-unstyled sidebar-section depth1\s*">.*?</ul>'
    )
    return re.sub(closed, r"\1</div>", text, flags=re.S)
