"""llms.txt, and a copy of each page as Markdown beside it, for readers that are programs.

smalldocs writes them here for both builders: the key `website: llms-txt` of _quarto.yml is refused
by Quarto before 1.9.30, and the copies of later ones differ.
"""

from smalldocs.config import load
from smalldocs.site import Site


def copies(root, out):
    "Write llms.txt and a Markdown copy of every page in `out`; how many."
    site = Site(load(root), quiet=True)
    site.project.website["llms-txt"] = True
    site.out = out
    for source in site.discover():
        page = site.read(source)
        if not (out / page.out).is_file():
            raise SystemExit(f"docs_post: {source} is not a page of {out.name}")
        site.pages[source] = page
    # what a page links to must be known before the first copy is made
    for page in site.pages.values():
        site.render_page(page)
        text, files = site.llms_copy(page)
        copy = (out / page.out).with_suffix(".llms.md")
        copy.write_text(text, encoding="utf-8")
        for name, data in files.items():
            (copy.parent / name).parent.mkdir(parents=True, exist_ok=True)
            (copy.parent / name).write_bytes(data)
    site.write_llms_txt()
    return len(site.pages)
