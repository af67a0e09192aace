"What is said of schools' value added, and its draws in tidy form."

import numpy as np
import pytest

from schoolvar.value_added.verdicts import QUANTITIES, school_draws, summary


def test_the_summary_counts(fit):
    t, said = fit.schools, " ".join(summary(fit))
    above, below = (t.value_added_lower > 0).sum(), (t.value_added_upper < 0).sum()
    assert f"{above} stand above what is expected of them, {below} below" in said
    assert f"of {len(t) - above - below} it cannot be told" in said and "(method joint)" in said


def test_draws_are_those_of_the_table(fit):
    columns = dict(value_added="value_added", later_effect="later_effect")
    for quantity in QUANTITIES:
        ids = fit.schools.school[3:6].tolist()
        drawn = school_draws(fit, quantity, ids, draws=10_000)
        means = drawn.groupby("school").value.mean()[ids].to_numpy()
        column = columns.get(quantity, "earlier_quality")
        np.testing.assert_allclose(means, fit.schools[column][3:6], atol=1e-6)
    assert len(school_draws(fit, draws=20)) == 20 * len(fit.schools)
    with pytest.raises(ValueError, match="must be one of value_added, later_effect"):
        school_draws(fit, "rank")
    with pytest.raises(ValueError, match="no school nowhere in the fit"):
        school_draws(fit, schools=["nowhere"])
