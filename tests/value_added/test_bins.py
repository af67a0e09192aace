"Bins of draws and of raw figures."

import numpy as np
import pandas as pd

from schoolvar.value_added.bins import EDGES, equal_bins, raw_points, threshold_bins


def test_equal_bins_have_equal_size():
    draws = np.random.default_rng(1).normal(size=(50, 23))
    bins = equal_bins(draws, 5)
    sizes = np.apply_along_axis(np.bincount, 1, bins, minlength=6)[:, 1:]
    assert (sizes.max(axis=1) - sizes.min(axis=1) <= 1).all()
    i = int(draws[0].argmax())
    assert bins[0, i] == 5 and bins[0, int(draws[0].argmin())] == 1


def test_threshold_bins_are_symmetric():
    x = np.linspace(-30, 30, 121)
    assert (threshold_bins(x) + threshold_bins(-x) == 6).all()
    assert threshold_bins(np.array(EDGES)).tolist() == [2, 3, 3, 4]


def test_raw_points_compare_like_with_like():
    "A school tested only in a hard year is compared with that year."
    rows = [("A", 1, 100, 40), ("B", 1, 100, 40), ("B", 2, 100, 80), ("C", 2, 100, 80)]
    t = raw_points(
        pd.DataFrame(rows, columns=["school_id", "year", "n_trials", "y_success"]).assign(
            subject="Math"
        )
    )
    assert np.allclose(t.points, 0) and t.raw.tolist() == [0.4, 0.6, 0.8]
