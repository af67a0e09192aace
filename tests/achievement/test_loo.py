"""Rows and schools that are left out.

Likelihoods of whole schools, and what each method says of one fit."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from scipy.stats import binom, multivariate_normal

from schoolvar.achievement.design import design
from schoolvar.achievement.fit import fit_achievement
from schoolvar.achievement.ladder import LEVELS
from schoolvar.achievement.loo import _normal_school, school_log_likelihood, school_rows
from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts
from schoolvar.data.simulate import simulate_counts


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SCHOOLVAR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.parametrize("model", ["M2", "M3"])
def test_school_likelihood_against_brute_force(model):
    """Effects integrated out by Laplace and importance sampling, and by a million draws from
    their prior"""
    s = simulate_counts(5, years=(2023, 2024), subjects=("Math", "Reading"), students=12, seed=3)
    d = design(s.frame)
    sds = {k: v for k, v in dict(school=0.6, cohort=0.4, subject=0.3).items() if k in LEVELS[model]}
    got = school_log_likelihood(school_rows(d, tuple(sds)), np.full(len(d.y), 0.4), sds, points=400)
    rng = np.random.default_rng(1)
    for j in range(d.J):
        rows = np.flatnonzero(d.school == j)
        u = sum(
            sd * rng.standard_normal((200_000, code.max() + 1))[:, code]
            for sd, code in (
                (sds.get(k, 0), np.unique(getattr(d, k)[rows], return_inverse=True)[1])
                for k in ("school", "cohort", "subject")
            )
        )
        ll = binom.logpmf(d.y[rows], d.n[rows], 1 / (1 + np.exp(-0.4 - u))).sum(1)
        assert got[j] == pytest.approx(logsumexp(ll) - np.log(len(ll)), abs=0.05)


def test_normal_school_against_scipy():
    d = design(simulate_counts(4, seed=2).frame)
    got, share = _normal_school(d, np.full(len(d.y), 0.6), 0.1, 0.05), d.y / d.n
    for j in range(4):
        r = np.flatnonzero(d.school == j)
        cov = 0.01 * np.ones((len(r), len(r))) + 0.05**2 * np.eye(len(r))
        assert got[j] == pytest.approx(
            multivariate_normal.logpdf(share[r], np.full(len(r), 0.6), cov) - np.log(d.n[r]).sum()
        )


def test_padding_rows_change_nothing():
    f = simulate_counts(6, seed=4).frame
    short = f[~((f.school_id == f.school_id.iloc[0]) & (f.year == 2024))]
    alone = short[short.school_id == short.school_id.iloc[0]]
    d, e = (
        design(short),
        design(pd.concat([alone.assign(school_id="x"), alone.assign(school_id="y")])),
    )
    sds = dict(school=0.5, cohort=0.3, subject=0.2)
    a = school_log_likelihood(school_rows(d, tuple(sds)), np.zeros(len(d.y)), sds, points=2000)[0]
    b = school_log_likelihood(school_rows(e, tuple(sds)), np.zeros(len(e.y)), sds, points=2000)[0]
    assert a == pytest.approx(b, abs=0.02)


def test_rows_and_schools_of_one_fit():
    counts = read_counts(simulate_counts(30, students=30, seed=7).frame)
    fit = fit_achievement(counts, model="M2", pointwise=True)
    rows, schools = fit.loo("row"), fit.loo("school")
    assert len(rows) == len(counts.frame) and schools.school_id.tolist() == counts.schools
    assert rows.groupby("school_id").elpd.sum().sum() > schools.elpd.sum()
    with pytest.raises(DataError, match="'row' or 'school'"):
        fit.loo("cohort")


def test_a_school_left_out_of_an_extended_model_is_refused():
    f = simulate_counts(30, students=30, seed=7).frame
    fit = fit_achievement(
        read_counts(f.assign(district_id=f.school_id.str[-1])), model="M2", districts=True
    )
    with pytest.raises(DataError, match="not with district"):
        fit.loo("school")
