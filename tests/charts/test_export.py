"Still pictures: every chart at phone and desk width, whatever its names contain."

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from schoolvar.charts import to_svg


@pytest.mark.parametrize("width", [390, 1000])
def test_still_pictures(gallery, width):
    "Vega draws every chart, with the title whole and the words for screen readers."
    for name, i, spec in gallery[:: 3 if width > 500 else 1]:
        svg = to_svg(spec, width)
        got = int(re.search(r'width="(\d+)', svg).group(1))
        assert got <= width + 12, f"{name} {i}: {got} pixels wide at {width}"
        assert 'role="img"' in svg and "<title>" in svg and "<desc>" in svg
        groups = ElementTree.fromstring(svg).iter()
        marks = [m for g in groups if "role-mark" in g.get("class", "") for m in g]
        paints = [{m.get("fill", "none"), m.get("stroke", "none")} for m in marks]
        assert any(p - {"none", "transparent"} for p in paints), f"{name} {i} paints nothing"


def test_no_character_of_a_name_ends_the_process():
    "In a process of its own, for the renderer would abort it: control characters, half pairs."
    code = """
import pandas as pd
import xml.dom.minidom
from schoolvar import charts
odd = [chr(i) for i in range(32)] + ["\\x7f", "\\x85", "\\ufffe", "\\uffff", "\\u202e", "\\u2028"]
names = ["name " + "".join(odd), *map(str, range(19))]
f = pd.DataFrame(dict(school=names, raw=.5, estimate=.5, n_trials=range(20, 40)))
chart = charts.plot_shrinkage(f, focus=[f.school[0]])
# a table holds no half of a pair, a title could
chart.title.text = ["title " + "".join(odd) + "\\ud800 \\udfff"]
svg, png = charts.to_svg(chart), charts.to_png(chart)
assert png[:4] == b"\\x89PNG" and "<title>title" in svg
xml.dom.minidom.parseString(svg)
print("drawn")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "drawn\n", done.stderr[-600:]
