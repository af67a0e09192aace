"What a notebook stores of a chart: a picture where no script runs, and the script once."

import re
from urllib.parse import unquote
from xml.etree import ElementTree

from schoolvar.charts import plot_trace
from schoolvar.charts.diagnostics import long_draws
from schoolvar.charts.notebook import forget_notebook


def test_a_notebook_s_output_needs_no_script_to_be_seen(rng_draws):
    "Where scripts are stripped there is a picture with the chart's words, which asks nobody."
    chart = plot_trace(long_draws(rng_draws))
    text = chart._repr_mimebundle_()["text/html"]
    without = re.sub(r"<script.*?</script>|<style.*?</style>", "", text, flags=re.S)
    (picture,) = re.findall(r"<img [^>]*>", without)
    packed = re.search(r'src="data:image/svg\+xml,([^"]+)"', picture)[1]
    svg = ElementTree.fromstring(unquote(packed))
    assert len(svg.findall(".//{http://www.w3.org/2000/svg}path")) > 10
    assert chart.to_dict()["description"][:40] in picture
    assert "http://" not in without.replace("http://www.w3.org/", "")
    assert "https://" not in without


def test_a_notebook_holds_the_script_once(rng_draws):
    "With its first chart; and again where another notebook begins."
    chart = plot_trace(long_draws(rng_draws))
    scripts = []
    for begins in (True, False, False, True):
        if begins:
            forget_notebook()
        scripts.append("DecompressionStream" in chart._repr_mimebundle_()["text/html"])
    assert scripts == [True, False, False, True]
