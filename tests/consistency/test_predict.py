"What a fit expects: of students, of the spread of schools, and of schools of some size."

import numpy as np
import pandas as pd
import pytest

from schoolvar.consistency.fit import fit_consistency
from schoolvar.consistency.predict import detectable_ratio, ppc, predict, prior_ppc, unit_noise
from schoolvar.data.scores import read_scores
from schoolvar.data.simulate import simulate_scores


@pytest.fixture(scope="module")
def scores():
    simulated = simulate_scores(n_schools=60, students=40, ses_slope=0.3, sd_scale=0.3, seed=11)
    return read_scores(simulated.frame, covariates=["student_ses"])


@pytest.fixture(scope="module")
def fit(scores):
    return fit_consistency(scores, location="student_ses", sampler=dict(draws=250, rounds=1))


def test_known_schools_are_more_certain_than_new_ones(fit, scores):
    rows = pd.DataFrame(dict(school=["SIM-0001", "new"], student_ses=[0.0, 0.0]), index=[7, 3])
    found = predict(fit, scores, rows)
    assert found.index.tolist() == [7, 3] and found.known.tolist() == [True, False]
    width = found.mean_upper - found.mean_lower
    assert width[7] < 0.7 * width[3]
    assert (found.upper - found.lower > width).all()
    with pytest.raises(ValueError, match="need a column 'school'"):
        predict(fit, scores, rows.drop(columns="school"))


def test_intervals_hold_the_share_of_scores_that_they_say(fit, scores):
    students = scores.students
    found = predict(fit, scores, students[["school", "student_ses"]])
    inside = students.score.between(found.lower, found.upper).mean()
    assert 0.93 < inside < 0.97


def test_the_posterior_makes_such_spreads_and_the_prior_many(fit, scores):
    band, before = ppc(fit, scores), prior_ppc(scores, location="student_ses")
    assert band.place.tolist() == list(range(1, 61)) and band.observed.is_monotonic_increasing
    assert band.eval("lower <= observed <= upper").mean() > 0.85
    assert (before.upper - before.lower > 2 * (band.upper - band.lower)).all()
    np.testing.assert_allclose(before.observed, band.observed)


def test_noise_has_unit_spread():
    rng = np.random.default_rng(1)
    assert unit_noise(rng, 200_000).std() == pytest.approx(1, abs=0.01)
    assert unit_noise(rng, 200_000, 6.0).std() == pytest.approx(1, abs=0.02)


def test_more_students_show_smaller_differences(fit):
    curve = detectable_ratio(fit, (10, 50, 300)).set_index("n")
    assert 1 < curve.more[300] < curve.more[50] and curve.less[50] < curve.less[300] < 1
