"Every figure of the site as a still picture that leads to the living one."

import hashlib
import json
import re
from html import escape
from pathlib import Path

from docs.notebooks import FOLDERS
from docs.sources import page, raw

ROOT = Path(__file__).resolve().parent.parent.parent


def charts_of(docs, found):
    "(page, id of the figure, specification) of every chart on the site."
    for _path, name in found.items():
        for c in json.loads((docs / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]:
            for o in c.get("outputs", []):
                text = "".join(o.get("data", {}).get("text/html", ""))
                for m in re.finditer(
                    (
                        r'<figure class="sv-figure" id="([^"]+)">.*?<script '
                        r'type="application/json">(.*?)</script>'
                    ),
                    text,
                    re.S,
                ):
                    yield name, m[1], json.loads(m[2])


def whole(svg):
    """A title reaches beyond the picture that Vega measured for it, above with several lines
    and to the right with the reader's font: give it the room.
    """
    box = re.search(r'width="([\d.]+)" height="([\d.]+)" viewBox="0 0 \1 \2"', svg)
    origin = re.search(r'stroke-miterlimit="10" transform="translate\(-?[\d.]+,(-?[\d.]+)\)"', svg)
    title = re.search(r'role-title".*?translate\(-?[\d.]+,(-?[\d.]+)\)', svg, re.S)
    if not (box and origin and title):
        return svg
    above = max(0, 4 - float(origin[1]) - float(title[1]))
    wide, tall = float(box[1]) + 40, float(box[2]) + above
    svg = svg.replace(
        box[0], f'width="{wide:g}" height="{tall:g}" viewBox="0 {0 - above:g} {wide:g} {tall:g}"', 1
    )
    return svg.replace(
        f'<rect width="{box[1]}" height="{box[2]}"',
        f'<rect y="{0 - above:g}" width="{wide:g}" height="{tall:g}"',
        1,
    )


def gallery(docs, found):
    "Every figure of the site as a still picture that leads to the living one."
    import vl_convert as vlc

    from schoolvar.charts.style import _rewrap, chart_title

    folder = docs / "gallery"
    folder.mkdir()
    kept = ROOT / ".cache" / "docs" / "gallery"
    kept.mkdir(parents=True, exist_ok=True)
    sections = {"Studies": [], "Explanations": [], "Library": []}
    seen = set()
    for name, figure, spec in charts_of(docs, found):
        if figure in seen:
            continue
        seen.add(figure)
        if isinstance(spec.get("title"), str):
            spec["title"] = {"text": [spec["title"]]}
        text = json.dumps(spec, sort_keys=True)
        file = hashlib.sha256(text.encode()).hexdigest()[:12] + ".svg"
        if not (kept / file).is_file():
            (kept / file).write_text(
                vlc.vegalite_to_svg(_rewrap(spec, 480), vl_version="6.4"), encoding="utf-8"
            )
        (folder / file).write_text(
            whole((kept / file).read_text(encoding="utf-8")), encoding="utf-8"
        )
        group = (
            name.split("/")[0].title()
            if name.startswith(tuple(f"{f}/" for f in FOLDERS))
            else "Library"
        )
        title = escape(chart_title(spec))
        sections[group].append(
            f'<a class="sv-card" href="{name}.html#{figure}"><img src="gallery/{file}" '
            f'alt="{title}" loading="lazy"><span>{escape(name.split("/")[-1])}: '
            f"{title}</span></a>"
        )
    parts = [
        (
            f"{len(seen)} figures. Each leads to the page that draws it, where it can be "
            "pointed at, saved, and read as a table.\n"
        )
    ]
    for group, cards in sections.items():
        if cards:
            parts.append(
                f"\n## {group}\n\n" + raw('<div class="sv-gallery">' + "\n".join(cards) + "</div>")
            )
    page(docs / "gallery.qmd", "Gallery", "Every figure of the site", "".join(parts))
