"Every chart: what it embeds, says and weighs; labels; and how it draws in a browser under a strict policy."

import ast
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import altair as alt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schoolvar.charts import (
    achievement as charts_achievement,
)
from schoolvar.charts import (
    calibration as charts_validation,
)
from schoolvar.charts import (
    consistency as charts_consistency,
)
from schoolvar.charts import (
    diagnostics as charts_diagnostics,
)
from schoolvar.charts import (
    geometry as chart_geometry,
)
from schoolvar.charts import (
    html as chart_pages,
)
from schoolvar.charts import (
    models as charts_models,
)
from schoolvar.charts import (
    ranks as charts_ranks,
)
from schoolvar.charts import (
    style as charts,
)
from schoolvar.charts import (
    value_added as charts_value_added,
)

ROOT = Path(__file__).resolve().parent.parent.parent
NOTEBOOKS = [
    "charts/15_consistency",
    "charts/20_achievement",
    "charts/25_models",
    "charts/30_ranks",
    "charts/35_diagnostics",
    "charts/40_value_added",
    "charts/45_calibration",
]
MODULES = [
    charts_consistency,
    charts_achievement,
    charts_models,
    charts_ranks,
    charts_diagnostics,
    charts_value_added,
    charts_validation,
]


def shown_in(notebook):
    "The charts that a notebook's cells end with, and the name of the function that made each."
    cells = json.loads((ROOT / "nbs" / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    space, found = {"__name__": "notebook"}, []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or "nbdev_export()" in source or "default_exp" in source:
            continue
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, notebook, "exec"), space)
        value = (
            eval(compile(ast.Expression(last.value), notebook, "eval"), space)
            if last is not None
            else None
        )
        if isinstance(value, alt.TopLevelMixin):
            found.append(value)
    return found


@pytest.fixture(scope="module")
def gallery():
    "Every chart that the notebooks show, as specifications."
    return [(n, i, c.to_dict()) for n in NOTEBOOKS for i, c in enumerate(shown_in(n))]


def tables(node, sets):
    "Every embedded table of a specification: the text, and the part of the specification that draws it."
    if isinstance(node, dict):
        data = node.get("data")
        if isinstance(data, dict):
            yield data.get("values", sets.get(data.get("name"), "")), node
        for k, v in node.items():
            if k not in ("data", "datasets", "usermeta"):
                yield from tables(v, sets)
    elif isinstance(node, list):
        for v in node:
            yield from tables(v, sets)


def test_every_function_is_shown(gallery):
    "No plot_* without an example, and none without words on what to see in it."
    names = {n for m in MODULES for n in vars(m) if n.startswith("plot_")}
    text = "".join((ROOT / "nbs" / f"{n}.ipynb").read_text(encoding="utf-8") for n in NOTEBOOKS)
    assert [
        n
        for n in sorted(names)
        if not re.search(rf'"{n}\(', text) and f" {n}(" not in text.replace(f"def {n}(", "")
    ] == []
    assert [
        n
        for m in MODULES
        for n in vars(m)
        if n.startswith("plot_") and len(getattr(m, n).__doc__ or "") < 60
    ] == []
    assert len(gallery) >= 45


def test_nothing_is_embedded_that_is_not_drawn(gallery):
    "A column of an embedded table is a field of an encoding, part of an expression, or a column of the data table."
    for name, i, spec in gallery:
        sets, heads = spec.get("datasets", {}), spec["usermeta"]["schoolvar"]["table"]
        for text, node in tables(spec, sets):
            assert isinstance(text, str), f"{name} {i}: records instead of text"
            drawn = json.dumps({k: v for k, v in node.items() if k not in ("data", "datasets")})
            for column in text.split("\n", 1)[0].split(","):
                assert (
                    re.search(
                        rf'"(field|shorthand)": "{re.escape(column)}"|datum\.{re.escape(column)}\b|datum\[\W*{re.escape(column)}\W',
                        drawn,
                    )
                    or column in heads
                ), f"{name} {i}: {column} is embedded but not drawn"


def test_titles_alt_and_width(gallery):
    "A sentence as title, a text alternative that starts with it and says more, and a width that follows the page."
    for name, i, spec in gallery:
        title, meta = charts.chart_title(spec), spec["usermeta"]["schoolvar"]
        assert re.search(r"\d", title) or title.startswith(("None", "The methods")), (
            f"{name} {i}: no finding in {title!r}"
        )
        assert "nan" not in title.lower().split() and "–" not in title, f"{name} {i}: {title!r}"
        alt_text = meta["alt"].replace("\u00a0", " ")
        assert alt_text.startswith(title) and len(alt_text) > len(title) + 10
        assert spec.get("width") == "container" or meta.get("panel"), f"{name} {i}"
        assert spec["config"]["aria"] is False
        assert len(json.dumps(spec)) < 60_000, f"{name} {i}: {len(json.dumps(spec))} bytes"


@pytest.mark.parametrize("width", [390, 1000])
def test_still_pictures(gallery, width):
    "Vega draws every chart at phone and desk width, with the title whole and the words for screen readers."
    for name, i, spec in gallery[:: 3 if width > 500 else 1]:
        svg = charts.to_svg(
            alt.Chart.from_dict(spec, validate=False)
            if not isinstance(spec, dict)
            else _Spec(spec),
            width,
        )
        got = int(re.search(r'width="(\d+)', svg).group(1))
        assert got <= width + 12, f"{name} {i}: {got} pixels wide at {width}"
        assert 'role="img"' in svg and "<title>" in svg and "<desc>" in svg
        marks = [
            m
            for g in ElementTree.fromstring(svg).iter()
            if "role-mark" in g.get("class", "")
            for m in g
        ]
        assert any(
            {m.get("fill", "none"), m.get("stroke", "none")} - {"none", "transparent"}
            for m in marks
        ), f"{name} {i} paints nothing"


class _Spec:
    "A specification that stands for its chart."

    def __init__(self, spec):
        self.spec = spec

    def to_dict(self, **kwargs):
        return self.spec


def test_colours_have_dark_partners(gallery):
    "A colour without a partner stays as it is in a dark page, and may vanish."
    for name, i, spec in gallery:
        used = set(
            re.findall(
                r'"(#[0-9A-Fa-f]{6})"',
                json.dumps({k: v for k, v in spec.items() if k != "datasets"}),
            )
        )
        assert used <= set(charts.DARK), f"{name} {i}: {used - set(charts.DARK)}"


# ---- what a report may not tell

SECRET = "SECRETSCHOOL"


def consistency_schools(J=60):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "school": [f"{SECRET}{i}" for i in range(J - 3)] + ["ours1", "ours2", "ours3"],
            "school_name": "HIDDENNAME",
            "n": 77771 + np.arange(J),
            "mean": rng.normal(size=J),
            "sd": rng.uniform(0.5, 1, J),
            "effect": rng.normal(0, 0.2, J),
            "pip": rng.random(J),
            "pip_mcse": 0.001,
            "district": "HIDDENDISTRICT",
        }
    )


def achievement_schools(J=60):
    rng = np.random.default_rng(2)
    effect = rng.normal(0, 0.5, J)
    return pd.DataFrame(
        {
            "school": [f"{SECRET}{i}" for i in range(J - 3)] + ["ours1", "ours2", "ours3"],
            "n_trials": rng.integers(10, 400, J),
            "raw": rng.random(J),
            "estimate": rng.random(J),
            "effect": effect,
            "effect_lower": effect - 0.4,
            "effect_upper": effect + 0.4,
            "rank_lower": 1 + np.arange(J),
            "rank_upper": 5 + np.arange(J),
            "private": "HIDDENCOLUMN",
        }
    )


OURS = ["ours1", "ours2", "ours3"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: charts_consistency.plot_pip(consistency_schools(), focus=OURS),
        lambda: charts_consistency.plot_pip_sd(consistency_schools(), focus=OURS),
        lambda: charts_consistency.plot_pip_mean(consistency_schools(), focus=OURS),
        lambda: charts_achievement.plot_shrinkage(achievement_schools(), focus=OURS),
        lambda: charts_achievement.plot_shrinkage_n(achievement_schools(), focus=OURS),
        lambda: charts_achievement.plot_caterpillar(achievement_schools(), focus=OURS),
        lambda: charts_achievement.plot_effects(achievement_schools(), focus=OURS),
        lambda: charts_ranks.plot_ranks(achievement_schools(), focus=OURS),
    ],
)
def test_other_schools_stay_nameless(draw):
    "In a report's chart, ids, names and sizes of other schools appear nowhere: not in the data, the tooltips, the words or the table."
    chart = draw()
    page = chart_pages.chart_block(chart, table="full") + json.dumps(chart.to_dict())
    assert "ours1" in page
    for hidden in (SECRET, "HIDDENNAME", "HIDDENDISTRICT", "HIDDENCOLUMN"):
        assert hidden not in page
    assert not re.search(r"\b7777\d\b", page)  # the sizes of the others


def test_hostile_names_stay_text():
    "A name cannot end the data block, become a tag of the table, or change the specification."
    schools = consistency_schools(8)
    schools["school"] = [
        "</script><img src=x onerror=alert(1)>",
        '"},{"a":"',
        "a,b",
        'say "hi"',
        "line\nbreak",
        "\u2028",
        "datum.x' || 1",
        "ours",
    ]
    block = chart_pages.chart_block(
        charts_consistency.plot_pip(schools.assign(pip=0.9)), table="full"
    )
    assert block.lower().count("</script") == 1 and "<img" not in block
    spec = json.loads(re.search(r"<script[^>]*>(.*?)</script>", block, re.S).group(1))
    assert sorted(charts.chart_data(spec).school) == sorted(schools.school)


# ---- labels


def boxes(x, y, text, spots, width, height, font=11):
    out = []
    for a, b, t, r in zip(x, y, text, spots.itertuples()):
        if not r.shown:
            continue
        size = 0.58 * font * len(t)
        left = a * width + r.dx - {"left": 0, "right": size, "center": size / 2}[r.align]
        out.append(
            (
                left,
                (1 - b) * height + r.dy - font / 2,
                left + size,
                (1 - b) * height + r.dy + font / 2,
            )
        )
    return out


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.text("abcXYZ 0", min_size=1, max_size=16)),
        max_size=25,
    ),
    st.integers(240, 1100),
)
def test_labels_never_overlap(points, width):
    "No two labels touch, at any width between a phone and a desk."
    x, y, text = ([p[k] for p in points] for k in range(3))
    spots = chart_geometry.place_labels(x, y, text, 280)
    found = boxes(x, y, text, spots, width, 280)
    for i, a in enumerate(found):
        for b in found[:i]:
            assert not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-50, 400), max_size=20))
def test_stacked_labels_keep_their_distance_and_order(y):
    out = chart_geometry.stack_labels(y, 280)
    assert (np.diff(np.sort(out)) >= 12 - 1e-9).all()
    assert (np.diff(out[np.argsort(y, kind="stable")]) > 0).all()
    if len(y):
        assert out.max() <= 280


# ---- numbers that the charts compute


def test_the_atom_is_not_smoothed():
    "The share of zeros is the height of the bar, and none of it enters the density."
    rng = np.random.default_rng(0)
    draws = {
        "a": np.where(rng.random(4000) < 0.4, 0, rng.normal(0.3, 0.05, 4000)),
        "b": np.zeros(500),
    }
    curves, atoms = chart_geometry.ridges(draws)
    spec = charts_consistency.plot_scale_effects(curves, atoms.query("school == 'a'")).to_dict()
    assert charts.chart_data(spec).at_zero.round(3).tolist() == [round(float(atoms.at_zero[0]), 3)]
    assert (
        abs(np.trapezoid(curves.density, curves.x) - (1 - atoms.at_zero[0])) < 0.02
        and curves.x.abs().min() > 0.05
    )


def test_bands_hold_their_mass():
    draws = np.random.default_rng(1).gamma(2, size=20_000)
    bands = chart_geometry.density_bands(draws)
    for mass in (0.5, 0.8, 0.95):
        x = bands[bands.mass <= mass].x
        assert abs(((draws >= x.min()) & (draws <= x.max())).mean() - mass) < 0.01


def test_titles_follow_the_numbers():
    "Change the numbers and the sentence changes."
    schools = consistency_schools().assign(pip_mcse=0.0)
    for k in (0, 1, 7):
        title = charts.chart_title(
            charts_consistency.plot_pip(
                schools.assign(pip=np.r_[np.full(k, 0.9), np.full(60 - k, 0.3)])
            )
        )
        assert title.startswith(f"{k} of 60" if k else "None of 60")
    apart = achievement_schools().assign(effect_lower=1.0, effect_upper=2.0, effect=1.5)
    assert charts.chart_title(charts_achievement.plot_caterpillar(apart)).startswith(
        "0 of 60 schools cannot be told from the mean; 60 stand above"
    )


def test_same_data_same_block():
    assert chart_pages.chart_block(
        charts_consistency.plot_pip(consistency_schools())
    ) == chart_pages.chart_block(charts_consistency.plot_pip(consistency_schools()))


def test_thousands_stay_small():
    "3,000 and 50,000 schools: a chart stays under 120 kB."
    for J in (3000, 50_000):
        for chart in (
            charts_consistency.plot_pip(consistency_schools(J), focus=OURS),
            charts_achievement.plot_caterpillar(achievement_schools(J)),
            charts_achievement.plot_shrinkage(achievement_schools(J), focus=OURS),
            charts_achievement.plot_caterpillar(achievement_schools(J), by="n"),
        ):
            assert len(json.dumps(chart.to_dict(validate=False))) < 120_000


# ---- in a browser


def dump(chromium, tmp_path, html, files=()):
    "The page as the browser has it after drawing, with no network."
    for name, text in files:
        (tmp_path / name).write_text(text, encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text(html, encoding="utf-8")
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--virtual-time-budget=20000",
        "--window-size=800,2000",
        "--dump-dom",
        page.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=True).stdout


def test_drawn_under_a_strict_policy(gallery, chromium, tmp_path):
    "All charts of the gallery draw from one shared script under a policy that forbids inline script and compiled text; each SVG is an image with title and description."
    chart_pages.write_assets(tmp_path / "assets")
    some = [spec for _, _, spec in gallery]
    dom = dump(
        chromium,
        tmp_path,
        chart_pages.page(
            [chart_pages.chart_block(s, table=None, name=f"f{k}") for k, s in enumerate(some)],
            folder="assets",
        ),
    )
    assert dom.count('data-drawn="yes"') == len(some) and 'data-drawn="no"' not in dom
    roots = re.findall(r"<svg[^>]*class=\"marks\"[^>]*>", dom)
    assert len(roots) == len(some) and all(
        'role="img"' in r and "aria-labelledby" in r and "aria-describedby" in r for r in roots
    )
    assert len(set(re.findall(r'aria-labelledby="([^"]+)"', dom))) == len(some)
    assert "graphics-symbol" not in dom and "graphics-object" not in dom


def test_single_file_draws_and_the_table_opens(chromium, tmp_path):
    "Everything in one page, and the numbers that the script writes are those of the chart, whatever the names contain."
    schools = consistency_schools(50).assign(pip=0.9)
    schools.loc[:4, "school"] = ["a,b", 'say "hi"', "line\nbreak", "<b>bold</b>", " blank "]
    chart = charts_consistency.plot_pip(schools)
    html = chart_pages.page([chart_pages.chart_block(chart, table="lazy")])
    assert 'data-drawn="yes"' in dump(chromium, tmp_path, html)  # under its own policy
    probe = "addEventListener('load',()=>{document.querySelectorAll('details.sv-data').forEach(d=>{d.open=true});setTimeout(()=>{document.title=JSON.stringify([...document.querySelectorAll('.sv-data tbody tr')].map(r=>r.cells[0].textContent))},3000)})"
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html).replace(
        "<!doctype html>", f"<!doctype html><script>{probe}</script>", 1
    )
    dom = dump(chromium, tmp_path, html)
    assert 'data-drawn="yes"' in dom
    import html as h

    got = json.loads(h.unescape(re.search(r"<title>(.*?)</title>", dom, re.S).group(1)))
    assert sorted(got) == sorted(schools.school)


def test_asset_files_are_whole_or_absent(tmp_path):
    first = chart_pages.write_assets(tmp_path)
    stamp = [p.stat().st_mtime_ns for p in first]
    # unchanged files are left alone
    assert [p.stat().st_mtime_ns for p in chart_pages.write_assets(tmp_path)] == stamp
    first[0].write_text("damaged", encoding="utf-8")
    assert chart_pages.write_assets(tmp_path)[0].stat().st_size > 500_000
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [chart_pages.SCRIPT, chart_pages.STYLE]
    )


def test_another_language():
    "Words, numbers of the title and numbers of the axes follow the wording; afterwards everything is as before."
    words = charts.Wording(
        {
            "{k} of {n} schools flagged: {less} more consistent than typical, {more} less": "{k} écoles sur {n} : {less} plus homogènes, {more} moins"
        },
        decimal=",",
        thousands="\u202f",
    )
    schools = consistency_schools(1200).assign(pip_mcse=0.0, pip=0.9)
    with charts.wording(words):
        chart = charts_consistency.plot_pip(schools, focus=OURS)
    assert charts.chart_title(chart).startswith("3 écoles sur 3 :")
    with charts.wording(words):
        svg = charts.to_svg(charts_consistency.plot_pip(schools))
    assert ">0,75<" in svg and "sur 1\u202f200" in svg
    assert charts.chart_title(charts_consistency.plot_pip(schools)).startswith(
        "1,200 of 1,200 schools"
    )


def test_panels_are_named_alike_every_time():
    "Altair numbers things as a session goes on; none of it may reach the page."
    draws = charts_diagnostics.long_draws(
        {
            "a": np.random.default_rng(0).normal(size=(4, 100)),
            "b": np.random.default_rng(1).normal(size=(4, 100)),
        }
    )
    assert chart_pages.chart_block(charts_diagnostics.plot_trace(draws)) == chart_pages.chart_block(
        charts_diagnostics.plot_trace(draws)
    )


def test_no_character_of_a_name_ends_the_process():
    "In a process of its own, for the renderer would abort it: control characters, halves of pairs, characters that are none."
    code = """
import pandas as pd
from schoolvar.charts import achievement as charts_achievement, style as charts
odd = [chr(i) for i in range(32)] + ["\\x7f", "\\x85", "\\ufffe", "\\uffff", "\\u202e", "\\u2028"]
f = pd.DataFrame(dict(school=["name " + "".join(odd), *map(str, range(19))], raw=.5, estimate=.5, n_trials=range(20, 40)))
chart = charts_achievement.plot_shrinkage(f, focus=[f.school[0]])
chart.title.text = ["title " + "".join(odd) + "\\ud800 \\udfff"]      # a table holds no half of a pair, a title could
svg, png = charts.to_svg(chart), charts.to_png(chart)
assert png[:4] == b"\\x89PNG" and "<title>title" in svg
import xml.dom.minidom; xml.dom.minidom.parseString(svg)
print("drawn")
"""
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "drawn\n", done.stderr[-600:]


def test_a_notebook_s_output_needs_no_script_to_be_seen():
    "Where a viewer strips scripts there is a picture, which asks nobody for anything, with the chart's words."
    draws = charts_diagnostics.long_draws({"a": np.random.default_rng(0).normal(size=(4, 100))})
    chart = charts_diagnostics.plot_trace(draws)
    html = chart._repr_mimebundle_()["text/html"]
    without = re.sub(r"<script.*?</script>|<style.*?</style>", "", html, flags=re.S)
    (picture,) = re.findall(r"<img [^>]*>", without)
    svg = ElementTree.fromstring(
        unquote(re.search(r'src="data:image/svg\+xml,([^"]+)"', picture)[1])
    )
    assert len(svg.findall(".//{http://www.w3.org/2000/svg}path")) > 10
    assert (
        chart.to_dict()["description"][:40] in picture
        and "http://" not in without.replace("http://www.w3.org/", "")
        and "https://" not in without
    )


def test_a_notebook_holds_the_script_once():
    "With its first chart; and again where another notebook begins."
    draws = charts_diagnostics.long_draws({"a": np.random.default_rng(0).normal(size=(4, 100))})
    chart = charts_diagnostics.plot_trace(draws)
    scripts = []
    for begins in (True, False, False, True):
        if begins:
            chart_pages.forget_notebook()
        scripts.append("DecompressionStream" in chart._repr_mimebundle_()["text/html"])
    assert scripts == [True, False, False, True]
