"The spike at zero is the height of a bar."

import numpy as np

from schoolvar.charts import plot_scale_effects
from schoolvar.charts.data import chart_data
from schoolvar.charts.geometry import ridges


def test_the_atom_is_not_smoothed():
    "The share of zeros is the height of the bar, and none of it enters the density."
    rng = np.random.default_rng(0)
    draws = np.where(rng.random(4000) < 0.4, 0, rng.normal(0.3, 0.05, 4000))
    curves, atoms = ridges({"a": draws})
    bars = chart_data(plot_scale_effects(curves, atoms))
    assert bars.at_zero.round(3).tolist() == [round(float((draws == 0).mean()), 3)]
    assert (bars.top - bars.base).round(3).tolist() == bars.at_zero.round(3).tolist()
