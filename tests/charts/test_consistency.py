"Titles of charts of PIPs say what the numbers say."

import numpy as np
import pytest
from chart_tables import consistency_schools

from schoolvar.charts import plot_pip, plot_pip_mean
from schoolvar.charts.data import chart_title


@pytest.mark.parametrize("flagged", [0, 1, 7])
def test_titles_follow_the_numbers(flagged):
    "Change the numbers and the sentence changes."
    pip = np.r_[np.full(flagged, 0.9), np.full(60 - flagged, 0.3)]
    title = chart_title(plot_pip(consistency_schools().assign(pip_mcse=0.0, pip=pip)))
    assert title.startswith(f"{flagged} of 60" if flagged else "None of 60")


def test_the_step_of_the_sd_is_text_under_the_pointer():
    "Taken for a number it would be shown as NaN."
    points = plot_pip_mean(consistency_schools()).to_dict()["layer"][1]
    tips = {tip["field"]: tip["type"] for tip in points["encoding"]["tooltip"]}
    assert tips["step"] == "nominal" and tips["sd"] == "quantitative"
