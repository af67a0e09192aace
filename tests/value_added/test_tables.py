"Columns of a fit's tables."

import numpy as np
import pytest

from schoolvar.value_added.tables import SCHOOL_COLUMNS


def test_columns_and_bins(fit):
    t = fit.schools
    assert list(t.columns[:7]) == [
        "school",
        "district",
        "value_added",
        "value_added_lower",
        "value_added_upper",
        "earlier_quality",
        "earlier_quality_sd",
    ]
    assert set(SCHOOL_COLUMNS) <= set(t.columns)
    assert (t.district == "District " + t.school.str[-1]).all()
    assert np.allclose(t.filter(regex="^quintile_").sum(axis=1), 1) and np.allclose(
        t.filter(regex="^tertile_").sum(axis=1), 1
    )
    assert np.allclose(t.filter(regex="^tertile_").sum(), len(t) / 3, atol=1)
    assert (
        t[["probability_above", "probability_raw_bin"]].apply(lambda c: c.between(0, 1)).all().all()
    )
    assert (
        t.rank_lower.between(1, len(t)).all()
        and (t.rank_lower <= t.rank_upper).all()
        and t.correlation.between(-1, 1).all()
    )
    best = t.loc[t.value_added.idxmax()]
    assert best.tertile_3 > 0.6 and best.rank_lower < 10
    bins = fit.tables["bins"]
    for kind, k in (("achievement quintile", 5), ("value-added tertile", 3)):
        b = bins[bins.kind == kind]
        assert len(b) == 5 * k and b.schools.sum() == pytest.approx(len(t))


def test_variance_components(fit):
    v = fit.tables["variance"].set_index(["grade", "component"])
    assert list(v.index) == [
        (3, "school"),
        (3, "cohort"),
        (6, "explained by earlier quality"),
        (6, "value added"),
        (6, "cohort"),
    ]
    assert np.allclose(v.groupby(level=0).share_latent.sum(), 1)
    assert v.loc[(3, "school"), "q2.5"] < 0.65**2 < v.loc[(3, "school"), "q97.5"]
