"Titles of the caterpillar say what the intervals say."

from chart_tables import achievement_schools

from schoolvar.charts import plot_caterpillar
from schoolvar.charts.data import chart_title


def test_titles_follow_the_numbers():
    "Change the intervals and the sentence changes."
    apart = achievement_schools().assign(effect_lower=1.0, effect_upper=2.0, effect=1.5)
    start = "0 of 60 schools cannot be told from the mean; 60 stand above"
    assert chart_title(plot_caterpillar(apart)).startswith(start)
