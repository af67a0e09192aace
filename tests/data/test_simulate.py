"Simulated data: the planted parameters come back by simple moments, and seeds reproduce."

import numpy as np
import pandas as pd
import pytest

from schoolvar.data.simulate import LABEL, simulate_counts, simulate_scores, simulate_two_grades


def logit(y, n):
    return np.log((y + 0.5) / (n - y + 0.5))


def test_scores_have_the_planted_moments():
    s = simulate_scores(
        1500,
        students=(150, 250),
        sd_location=0.4,
        sd_scale=0.2,
        share_unusual=0.3,
        correlation=-0.5,
        seed=1,
    )
    g = s.frame.groupby("school_id").score
    n, mean, sd = g.size(), g.mean(), g.std()
    assert mean.mean() == pytest.approx(0.1, abs=0.04)
    assert np.sqrt(mean.var() - (sd**2 / n).mean()) == pytest.approx(0.4, abs=0.03)
    typical = ~s.truth.unusual.to_numpy()
    assert np.log(sd[typical]).mean() == pytest.approx(-0.24, abs=0.01)
    assert s.truth.unusual.mean() == pytest.approx(0.3, abs=0.04)
    log_sd = np.log(sd[~typical].to_numpy())
    assert np.sqrt(log_sd.var() - (1 / (2 * (n[~typical] - 1))).mean()) == pytest.approx(
        0.2, abs=0.025
    )
    on = s.truth[s.truth.unusual]
    assert np.corrcoef(on.location_effect, on.scale_effect)[0, 1] == pytest.approx(-0.5, abs=0.1)


def test_score_slopes():
    s = simulate_scores(
        300, students=(200, 200), ses_slope=0.3, ses_scale_slope=0.1, sd_scale=0.0001, seed=2
    ).frame
    within = s[["student_ses", "score"]] - s.groupby("school_id")[
        ["student_ses", "score"]
    ].transform("mean")
    slope = (within.student_ses * within.score).sum() / (within.student_ses**2).sum()
    assert slope == pytest.approx(0.3, abs=0.015)
    r = np.log(np.abs(within.score - slope * within.student_ses) + 1e-9)
    assert np.polyfit(s.student_ses, r, 1)[0] == pytest.approx(0.1, abs=0.02)


def test_counts_have_the_planted_variances():
    s = simulate_counts(
        3000, students=(150, 250), cells=0.3, sd_school=0.65, sd_cohort=0.4, sd_subject=0.2, seed=3
    )
    f = s.frame.assign(l=logit(s.frame.y_success, s.frame.n_trials))
    cube = f.l.to_numpy().reshape(3000, 3, 3)
    noise = np.mean(1 / (f.n_trials * 0.25 * 0.85))
    residual = (
        cube
        - cube.mean(1, keepdims=True)
        - cube.mean(2, keepdims=True)
        + cube.mean((1, 2), keepdims=True)
    )
    v_e = (residual**2).sum() / (3000 * 4)
    v_c = cube.mean(2).var(axis=1, ddof=1).mean() - v_e / 3
    v_p = cube.mean(1).var(axis=1, ddof=1).mean() - v_e / 3
    v_s = cube.mean((1, 2)).var() - v_c / 3 - v_p / 3 - v_e / 9
    assert v_e == pytest.approx(noise, rel=0.15)
    assert np.sqrt([v_s, v_c, v_p]) == pytest.approx([0.65, 0.4, 0.2], abs=0.03)


def test_two_grades_recover_the_slope_by_moments():
    s = simulate_two_grades(3000, students=(100, 200), slope=0.8, seed=4)
    f = s.frame.assign(l=logit(s.frame.y_success, s.frame.n_trials))
    m = f.pivot_table(index="school_id", columns="grade", values="l", aggfunc="mean")
    year = f[f.grade == 3].pivot_table(index="school_id", columns="year", values="l")
    # what years do not share is not quality
    v_quality = m[3].var() - year.var(axis=1, ddof=1).mean() / 3
    assert m.cov().loc[3, 6] / v_quality == pytest.approx(0.8, abs=0.04)
    assert v_quality == pytest.approx(0.65**2, abs=0.03)


@pytest.mark.parametrize("simulate", [simulate_scores, simulate_counts, simulate_two_grades])
def test_seeds_reproduce_whatever_the_global_generator(simulate):
    np.random.seed(0)  # noqa: NPY002
    a = simulate(20, seed=7)
    np.random.seed(1)  # noqa: NPY002
    b = simulate(20, seed=7)
    pd.testing.assert_frame_equal(a.frame, b.frame)
    pd.testing.assert_frame_equal(a.truth, b.truth)
    assert not simulate(20, seed=8).frame.equals(a.frame)
    assert a.source["simulated"] is True and a.source["label"] == LABEL


def test_two_grades_do_not_share_noise():
    "The same seed serves both grades; their cohorts must differ all the same."
    s = simulate_two_grades(
        2000, slope=0.0, sd_value_added=0.4, sd_cohort=0.5, students=(100, 100), cells=0.3, seed=5
    )
    f = s.frame.assign(l=logit(s.frame.y_success, s.frame.n_trials))
    y = f.pivot_table(index="school_id", columns=["grade", "year"], values="l")
    dev = {g: (y[g].sub(y[g].mean(axis=1), axis=0)).to_numpy().ravel() for g in (3, 6)}
    assert abs(np.corrcoef(dev[3], dev[6])[0, 1]) < 0.06
