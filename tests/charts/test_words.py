"Charts in another language."

from chart_tables import OURS, consistency_schools

from schoolvar.charts import Wording, plot_pip, to_svg, wording
from schoolvar.charts.data import chart_title

FLAGGED = "{k} of {n} schools flagged: {less} more consistent than typical, {more} less"


def test_another_language():
    "Words, numbers of title and axes follow the wording; afterwards everything is as before."
    french = {FLAGGED: "{k} écoles sur {n} : {less} plus homogènes, {more} moins"}
    words = Wording(french, decimal=",", thousands="\u202f")
    schools = consistency_schools(1200).assign(pip_mcse=0.0, pip=0.9)
    with wording(words):
        chart = plot_pip(schools, focus=OURS)
        svg = to_svg(plot_pip(schools))
    assert chart_title(chart).startswith("3 écoles sur 3 :")
    assert ">0,75<" in svg and "sur 1\u202f200" in svg
    assert chart_title(plot_pip(schools)).startswith("1,200 of 1,200 schools")
