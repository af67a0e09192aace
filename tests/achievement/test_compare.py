"Comparison by leaving rows and schools out."

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from scipy.stats import binom, multivariate_normal

from schoolvar.achievement.compare import compare
from schoolvar.achievement.loo import _normal_school, school_log_likelihood, school_rows
from schoolvar.achievement.design import design
from schoolvar.achievement.ladder import LEVELS
from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts
from schoolvar.data.simulate import simulate_counts
from schoolvar.sampling.loo import BAD_K, compare_table, psis_loo


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SCHOOLVAR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_loo_is_arviz_loo():
    import warnings

    from schoolvar.sampling.draws import arviz

    az = arviz()
    x = np.random.default_rng(1).normal(-2, 0.3, (4, 250, 30))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        groups = dict(posterior=dict(a=x[..., 0]), log_likelihood=dict(y=x))
        expected = az.loo(
            az.from_dict(**groups) if hasattr(az, "psislw") else az.from_dict(groups),
            pointwise=True,
            reff=1.0,
        )
    elpd, p = (
        (expected.elpd_loo, expected.p_loo)
        if hasattr(az, "psislw")
        else (expected.elpd, expected.p)
    )
    t = psis_loo(x.reshape(-1, 30))
    assert t.elpd.sum() == pytest.approx(float(elpd), abs=1e-6) and (
        t.lppd - t.elpd
    ).sum() == pytest.approx(float(p), abs=1e-6)


def test_differences_are_from_the_best():
    a = pd.DataFrame(
        dict(elpd=[-1.0, -2.0, -3.0], lppd=[-0.9, -1.9, -2.9], pareto_k=[0.1, 0.8, 0.2])
    )
    t = compare_table(dict(worse=a.assign(elpd=a.elpd - [0.1, 0.2, 0.6]), better=a))
    assert (
        t.model.tolist() == ["better", "worse"]
        and t.elpd_diff.tolist() == pytest.approx([0, -0.9])
        and t.pareto_k_bad.tolist() == [1, 1]
    )
    assert t.se_diff[1] == pytest.approx(np.sqrt(3) * np.std([0.1, 0.2, 0.6])) and t.p_loo[
        0
    ] == pytest.approx(0.3)


@pytest.mark.parametrize("model", ["M2", "M3"])
def test_school_likelihood_against_brute_force(model):
    "Effects integrated out by Laplace and importance sampling, and by a million draws from their prior"
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


def test_the_ladder_is_put_in_order():
    "Simulated with cohorts and subjects: M3 beats M2 beats M1."
    s = simulate_counts(80, sd_school=0.63, sd_cohort=0.395, sd_subject=0.25, students=60, seed=5)
    result = compare(read_counts(s.frame))
    assert result.table.model.tolist() == [
        "M3",
        "M2",
        "M1",
    ] and result.by_school.model.tolist() == ["M3", "M2", "M1"]
    assert list(result.table.columns[:6]) == [
        "model",
        "elpd",
        "elpd_diff",
        "se_diff",
        "p_loo",
        "pareto_k_bad",
    ]
    assert (
        (result.table.elpd_diff.iloc[1:] < -2 * result.table.se_diff.iloc[1:]).all()
        and result.by_school.pareto_k_bad.max() == 0
        and BAD_K == 0.7
    )
    assert "never seen" in result.sentences()[1] and result.manifest["diagnostics"]["ok"]


def test_one_model_is_no_comparison():
    with pytest.raises(DataError, match="two different models"):
        compare(None, models=["M2", "M2"])
