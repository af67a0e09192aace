"What a fit expects of cohorts to come, and of the schools at hand."

import numpy as np
import pandas as pd
import pytest

from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts
from schoolvar.value_added.fit import fit_value_added
from schoolvar.value_added.predict import predict, refit_two_grades


def cohorts(fit, **changes):
    best = fit.schools.nlargest(1, "later_effect").school.iloc[0]
    rows = dict(school_id=[best, "new", best], year=2024, subject="Math", n_trials=[40, 40, 4000])
    return pd.DataFrame(rows | changes)


def test_new_schools_are_less_certain_and_many_students_more(fit):
    found = predict(fit, cohorts(fit))
    assert found.known.tolist() == [True, False, True]
    width, shown = found.share_upper - found.share_lower, found.upper - found.lower
    assert width[0] < width[1] and shown[2] < shown[0]
    # one cohort of one school: the same effect in both rows
    assert found.share[0] == found.share[2]


def test_what_cannot_be_predicted(fit, simulated):
    assert "lower" not in predict(fit, cohorts(fit).drop(columns="n_trials"))
    with pytest.raises(DataError, match="need a column subject"):
        predict(fit, cohorts(fit).drop(columns="subject"))
    with pytest.raises(DataError, match="no cell 1999:Math; there are: 20"):
        predict(fit, cohorts(fit, year=1999))
    short = dict(chains=2, warmup=80, draws=100, rounds=1)
    counts = read_counts(simulated[0])
    naive = fit_value_added(counts, method="naive", compare_methods=False, sampler=short)
    with pytest.raises(DataError, match="the naive method has no distribution of earlier quality"):
        predict(naive, cohorts(naive))


def test_cohorts_lie_in_their_intervals(fit, simulated):
    "The later grade's own rows, each as a cohort that is not yet known."
    later = refit_two_grades(fit, read_counts(simulated[0])).later
    found = predict(fit, later[["school_id", "year", "subject", "n_trials"]])
    share = (later.y_success / later.n_trials).to_numpy()
    inside = (found.lower.to_numpy() <= share) & (share <= found.upper.to_numpy())
    assert 0.93 < inside.mean() < 0.995


def test_the_two_grades_are_found_again(fit, simulated):
    two = refit_two_grades(fit, read_counts(simulated[0]))
    assert two.both == fit.schools.school.tolist()
    assert len(two.earlier) + len(two.later) == fit.manifest["rows"]["kept"]["rows"]


def test_the_posterior_makes_such_shares(fit):
    band = fit.ppc()
    assert band.place.tolist() == list(range(1, 89)) and band.observed.is_monotonic_increasing
    assert band.eval("lower <= observed <= upper").mean() > 0.85
    assert np.isfinite(band).all().all()
