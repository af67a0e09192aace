"The consistency model: the published result, agreement of its programs with each other and with a sampler of indicators, and hard data."

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from schoolvar.consistency.fit import axes, fit_consistency, learned_coordinates, run_settings
from schoolvar.consistency.model import inclusion_data, make_model, program_data
from schoolvar.consistency.posterior import KEEP, derived, population_names, school_table
from schoolvar.consistency.whitening import Blocks
from schoolvar.core.errors import DataError
from schoolvar.core.formula import centre_within
from schoolvar.data.scores import read_scores
from schoolvar.data.simulate import simulate_scores
from schoolvar.sampling.converge import sample_until_converged


@pytest.fixture(scope="module")
def saeb(tmp_path_factory):
    from conftest import SHARED, absent

    if not SHARED.is_dir():
        absent("data", "the real data is not there")
    return fit_consistency(
        read_scores(SHARED / "saeb.csv.gz", school="school_id", score="math_proficiency")
    )


def test_the_published_result(saeb):
    p = saeb.parameters.set_index("parameter")
    for name, mean, low, high in (
        ("location_intercept", 0.115, 0.055, 0.174),
        ("scale_intercept", -0.235, -0.253, -0.217),
    ):
        assert (
            abs(p.loc[name, "mean"] - mean) < 0.006
            and abs(p.loc[name, "q2.5"] - low) < 0.012
            and abs(p.loc[name, "q97.5"] - high) < 0.012
        )
    assert np.exp(p.loc["scale_intercept", "mean"]) == pytest.approx(0.791, abs=0.005)
    assert saeb.ok and p.ess_bulk.min() >= 400


def test_the_published_schools(saeb):
    "Eight schools are above the line or at it: five more consistent, three less, 46 and 39 the extremes."
    top = saeb.schools.nlargest(8, "pip").set_index("school")
    assert {"39", "114", "46", "9", "41"} <= set(top.index) and top.pip.min() > 0.74
    # the eighth place is a tie within Monte Carlo error
    assert (top.direction == "more consistent").sum() in (4, 5)
    assert top.sd.idxmin() == "46" and top.sd.idxmax() == "39"
    typical = np.exp(saeb.parameter("scale_intercept")["mean"])
    assert (top.sd < typical).any() and (top.sd > typical).any()  # both arms of the V
    # the more consistent one is also far above the mean
    assert top.loc["46", "mean"] > saeb.schools["mean"].quantile(0.95)
    tie = saeb.schools.set_index("school").pip.sort_values(ascending=False).iloc[7:10]
    # the count of eight is itself borderline
    assert tie.between(0.735, 0.765).all()
    assert 0.45 < saeb.schools.pip.median() < 0.51


def test_monte_carlo_error_of_the_pips(saeb):
    assert (
        saeb.schools.pip_mcse.max() < 0.01 and (saeb.schools.pip_mcse[saeb.schools.n > 1] > 0).all()
    )


def test_a_school_of_one_student(saeb):
    one = saeb.schools[saeb.schools.n == 1].iloc[0]
    assert (
        one.verdict == "not enough data to tell"
        and abs(one.pip - 0.5) < 0.1
        and np.isnan(one.raw_sd)
    )


@pytest.mark.slow
def test_the_covariate_model(shared_data):
    "student_ses * school_ses in both submodels: each estimate within a tenth of a posterior SD of the reference."
    frame = centre_within(
        pd.read_csv(shared_data / "saeb.csv.gz"), "student_ses", mean_as="school_ses"
    )
    scores = read_scores(
        frame,
        school="school_id",
        score="math_proficiency",
        covariates=["student_ses", "school_ses"],
    )
    both = "student_ses * school_ses + (1 | school_id)"
    fit = fit_consistency(scores, location=both, scale=both)
    p = fit.parameters.set_index("parameter")
    want = {
        "location_intercept": 0.130,
        "location[student_ses]": 0.081,
        "location[school_ses]": 0.68,
        "location[student_ses:school_ses]": -0.023,
        "scale_intercept": -0.234,
        "scale[student_ses]": 0.031,
        "scale[school_ses]": 0.118,
        "scale[student_ses:school_ses]": 0.074,
        "sd_location": 0.268,
        "sd_scale": 0.080,
        "correlation": -0.68,
    }
    for name, value in want.items():
        # the reference is rounded
        digits = 0.005 if abs(value) > 0.5 else 0.0005
        assert abs(p.loc[name, "mean"] - value) < 0.1 * p.loc[name, "sd"] + digits, (
            name,
            p.loc[name, "mean"],
        )
    assert fit.schools.set_index("school").pip["46"] >= 0.998
    assert fit.ok and p.ess_bulk.min() >= 400
    assert fit.manifest["run"]["program"] == "consistency_students"


# ---- the programs agree


def forced(scores, program, robust=False, draws=1000, seed=1):
    "Intercepts only, by a program that is more than they need"
    model, inclusion = make_model(scores), inclusion_data(0.5, None, len(scores.schools))[0]
    if program != "consistency_schools":
        s = scores.students
        y = s.score.to_numpy(float)[
            np.argsort(pd.Index(scores.schools.school).get_indexer(s.school), kind="stable")
        ]
        one = np.ones((len(y), 1))
        model = replace(
            model,
            program=program,
            X=one,
            W=one,
            y=y,
            blocks=Blocks.of(scores.schools.n.values),
            E=np.ones((len(y), 2)) if program == "consistency_slopes" else None,
        )
    data, _ = program_data(model, scores.mean, scores.sd, inclusion, robust=robust)
    idata, diagnostics = sample_until_converged(
        program,
        data,
        population_names(model, False, robust),
        many=("mu",),
        derive=lambda i: derived(model, i),
        seed=seed,
        inits=0.5,
        keep=KEEP[program],
        sampler=run_settings(len(model.school), draws) | dict(rounds=1),
        **axes(model),
    )
    return diagnostics.table.set_index("parameter"), school_table(model, idata, 0.5, 0.75)


@pytest.fixture(scope="module")
def small():
    return read_scores(
        simulate_scores(
            n_schools=51, students=15, sd_scale=0.4, share_unusual=0.4, seed=21
        ).frame.assign(extra=1.0),
        covariates=["extra"],
    )


@pytest.mark.parametrize("program", ["consistency_students", "consistency_slopes"])
def test_programs_agree(small, program):
    p, s = forced(small, "consistency_schools")
    q, t = forced(small, program, draws=400)
    for k in p.index:
        assert abs(p.loc[k, "mean"] - q.loc[k, "mean"]) < 5 * np.hypot(
            p.loc[k, "mcse_mean"], q.loc[k, "mcse_mean"]
        ), k
    assert (np.abs(s.pip - t.pip) < 5 * np.hypot(s.pip_mcse, t.pip_mcse) + 0.002).all()
    assert np.allclose(s["mean"], t["mean"], atol=0.02) and np.allclose(s.sd, t.sd, atol=0.02)


def gibbs(n, ybar, ss, m0, s0, chains=40, iterations=6000, burn=1000, pi=0.5, seed=1):
    "Samples the indicators: Gibbs for delta, u and gamma, Metropolis for the rest; chains side by side"
    rng, J = np.random.default_rng(seed), len(n)
    C = (chains, 1)
    eta = np.full(C, 0.5 * np.log(ss.sum() / (n - 1).sum()))
    gamma = np.full(C, ybar.mean())
    lu, lt, zr = np.full(C, np.log(ybar.std())), np.full(C, np.log(0.2)), np.zeros(C)
    mu, t, on = (
        np.repeat(ybar[None], chains, 0),
        rng.normal(0, 0.2, (chains, J)),
        rng.random((chains, J)) < 0.5,
    )
    half_t = lambda x, scale: x - 2 * np.log1p(np.exp(2 * x) / scale**2 / 3)

    def effects(lu, lt, zr, u, t):
        r = np.tanh(zr)
        a, b = u * np.exp(-lu), t * np.exp(-lt)
        return (
            (-0.5 * (a * a - 2 * r * a * b + b * b) / (1 - r * r)).sum(1, keepdims=True)
            - J * (lu + lt + 0.5 * np.log1p(-r * r))
            + half_t(lu, s0)
            + half_t(lt, 1.0)
            + np.log1p(-r * r)
        )

    keep, pips = [], np.zeros((chains, J))
    for k in range(iterations):
        q = ss + n * (ybar - mu) ** 2
        log_lik = lambda e: -n * e - 0.5 * q * np.exp(-2 * e)
        gain = log_lik(eta + t) - log_lik(eta) + np.log(pi / (1 - pi))
        on = rng.random(t.shape) < 1 / (1 + np.exp(-np.clip(gain, -50, 50)))
        tu, tt, r = np.exp(lu), np.exp(lt), np.tanh(zr)
        mean, sd = r * tt * (mu - gamma) / tu, tt * np.sqrt(1 - r * r)
        # off: the prior
        fresh = mean + sd * rng.standard_normal(t.shape)
        # on: Metropolis
        step = t + np.minimum(sd, 1 / np.sqrt(2 * n)) * 1.5 * rng.standard_normal(t.shape)
        ratio = (
            log_lik(eta + step)
            - log_lik(eta + t)
            - 0.5 * ((step - mean) ** 2 - (t - mean) ** 2) / sd**2
        )
        t = np.where(on, np.where(np.log(rng.random(t.shape)) < ratio, step, t), fresh)
        var, prior_var = np.exp(2 * (eta + on * t)) / n, tu**2 * (1 - r * r)
        centre = r * tu / tt * t
        P = 1 / var + 1 / prior_var
        mu = (ybar / var + (gamma + centre) / prior_var) / P + rng.standard_normal(
            mu.shape
        ) / np.sqrt(P)
        P = J / prior_var + 1 / (3 * s0) ** 2
        gamma = (
            (mu - centre).sum(1, keepdims=True) / prior_var + m0 / (3 * s0) ** 2
        ) / P + rng.standard_normal(C) / np.sqrt(P)
        q = ss + n * (ybar - mu) ** 2
        e2 = eta + 2 / np.sqrt(2 * n.sum()) * rng.standard_normal(C)
        total = lambda e: (
            (-n * (e + on * t) - 0.5 * q * np.exp(-2 * (e + on * t))).sum(1, keepdims=True)
            - 0.5 * ((e - np.log(s0)) / 3) ** 2
        )
        eta = np.where(np.log(rng.random(C)) < total(e2) - total(eta), e2, eta)
        for _ in range(2):
            new = [
                x + w / np.sqrt(J) * rng.standard_normal(C)
                for x, w in ((lu, 1.0), (lt, 1.5), (zr, 1.5))
            ]
            ok = np.log(rng.random(C)) < effects(*new, mu - gamma, t) - effects(
                lu, lt, zr, mu - gamma, t
            )
            lu, lt, zr = (np.where(ok, a, b) for a, b in zip(new, (lu, lt, zr)))
        if k >= burn:
            pips += on / (iterations - burn)
            keep.append(np.concatenate([gamma, eta, np.exp(lu), np.exp(lt), np.tanh(zr)], 1))
    return pips, np.array(keep).mean(0)


def test_summed_out_equals_sampled_indicators():
    "PIPs and population parameters of a sampler that draws the indicators, within Monte Carlo error"
    scores = read_scores(
        simulate_scores(
            n_schools=14, sizes=[1, 4, 10] + 11 * [25], sd_scale=0.5, share_unusual=0.4, seed=31
        ).frame
    )
    fit = fit_consistency(scores)
    assert fit.ok
    s = scores.schools
    pips, means = gibbs(
        s.n.values.astype(float), s["mean"].values, s.ss.values, scores.mean, scores.sd
    )
    error = pips.std(0, ddof=1) / np.sqrt(len(pips))
    difference = np.abs(pips.mean(0) - fit.schools.pip)
    assert (difference < 4.5 * np.hypot(error, fit.schools.pip_mcse) + 0.002).all(), (
        difference.round(4)
    )
    # the comparison can fail
    assert error.max() < 0.02 and np.ptp(fit.schools.pip) > 0.3
    for k, name in enumerate(
        ("location_intercept", "scale_intercept", "sd_location", "sd_scale", "correlation")
    ):
        p, e = fit.parameter(name), means[:, k].std(ddof=1) / np.sqrt(len(means))
        assert (
            abs(means[:, k].mean() - p["mean"]) < 4.5 * np.hypot(e, p["mcse_mean"]) + 0.01 * p["sd"]
        ), name


# ---- hard data


def frame_of(n, J, seed, **k):
    return simulate_scores(n_schools=J, sizes=[n] * J, seed=seed, **k).frame


@pytest.mark.parametrize("n, J", [(30, 3), (2, 5), (5000, 5), (2, 60), (3000, 60)], ids=str)
def test_few_schools_small_schools_large_schools(n, J):
    fit = fit_consistency(read_scores(frame_of(n, J, 4)))
    assert fit.ok, fit.manifest["diagnostics"]["messages"]
    assert (
        fit.schools.pip.between(0, 1).all() and (fit.schools.sd_lower <= fit.schools.sd_upper).all()
    )
    if n == 2:
        assert (fit.schools.verdict == "not enough data to tell").mean() > 0.8


def test_two_schools():
    fit = fit_consistency(read_scores(frame_of(30, 2, 1)), rounds=1)
    assert np.isfinite(fit.schools.select_dtypes("number")).all().all()


def test_schools_without_spread():
    frame = frame_of(20, 40, 5)
    frame.loc[frame.school_id.isin(["SIM-0001", "SIM-0002"]), "score"] = 0.4
    fit = fit_consistency(read_scores(frame))
    assert (fit.schools.verdict[:2] == "unusual").all() and (
        fit.schools.direction[:2] == "more consistent"
    ).all()
    assert any("2 of 40 schools" in note for note in fit.manifest["notes"])


def test_nothing_unusual():
    "Under the null hardly any school is flagged."
    fits = [
        fit_consistency(
            read_scores(frame_of(50, 150, seed, share_unusual=0.0)), draws=400, rounds=1
        )
        for seed in (1, 2)
    ]
    assert sum((f.schools.verdict == "unusual").sum() for f in fits) <= 4


def test_the_unit_of_the_score():
    frame = frame_of(20, 60, 7)
    a, b = (
        fit_consistency(read_scores(frame)),
        fit_consistency(read_scores(frame.assign(score=500 + 100 * frame.score))),
    )
    # the same posterior; draws part by rounding
    assert (
        np.abs(a.schools.pip - b.schools.pip)
        < 5 * np.hypot(a.schools.pip_mcse, b.schools.pip_mcse) + 0.002
    ).all()
    assert np.allclose(100 * a.schools.sd, b.schools.sd, rtol=0.02)
    assert b.parameter("scale_intercept")["mean"] == pytest.approx(
        a.parameter("scale_intercept")["mean"] + np.log(100), abs=0.005
    )


def test_the_same_seed_gives_the_same_draws():
    scores = read_scores(frame_of(20, 60, 7))
    a, b = (fit_consistency(scores, cache=False, draws=200, rounds=1) for _ in range(2))
    pd.testing.assert_frame_equal(a.schools, b.schools)


def test_order_and_names_of_schools():
    "Rows may come in any order and ids keep their leading zeros."
    frame = frame_of(20, 55, 9).assign(school_id=lambda d: d.school_id.str[-3:])
    a, b = (
        fit_consistency(read_scores(frame)),
        fit_consistency(read_scores(frame.sample(frac=1, random_state=1))),
    )
    assert a.schools.school.str.len().eq(3).all()
    both = a.schools.merge(b.schools, on="school")
    assert len(both) == 55 and np.allclose(both.pip_x, both.pip_y, atol=0.02)


# ---- options


def test_student_likelihood_resists_outliers():
    frame = frame_of(30, 51, 12, share_unusual=0.0)
    rng = np.random.default_rng(1)
    wild = rng.random(len(frame)) < 0.02
    frame["score"] = frame.score + np.where(wild, rng.choice([-4.0, 4.0], len(frame)), 0)
    scores = read_scores(frame.assign(one=1.0), covariates=["one"])
    normal, student = (
        fit_consistency(scores),
        fit_consistency(scores, likelihood="student", chains=2, draws=150, rounds=1),
    )
    assert student.parameter("nu")["q97.5"] < 12
    assert (student.schools.verdict == "unusual").sum() <= (
        normal.schools.verdict == "unusual"
    ).sum()
    assert student.manifest["run"]["program"] == "consistency_students"


def test_learned_inclusion():
    fit = fit_consistency(
        read_scores(frame_of(60, 150, 14, sd_scale=0.4, share_unusual=0.1)),
        prior_inclusion="learn",
        expected_unusual=15,
    )
    p = fit.parameter("prior_inclusion")
    assert (
        p["q2.5"] < 0.1 < p["q97.5"] and fit.manifest["priors"]["prior_inclusion"] == "Beta(1, 9)"
    )
    prior = 0.1
    row = fit.schools.nlargest(1, "pip").iloc[0]
    assert row.bayes_factor == pytest.approx(
        row.pip / (1 - row.pip) * (1 - prior) / prior, rel=1e-6
    )


def test_without_a_spike():
    fit = fit_consistency(read_scores(frame_of(30, 55, 15)), prior_inclusion=1.0)
    assert (fit.schools.pip == 1).all() and fit.schools.bayes_factor.isna().all()


def test_indicators_on_the_location():
    "A school far from the mean keeps its location effect, schools in the middle need none."
    frame = simulate_scores(
        n_schools=51,
        sizes=[20] * 51,
        location_effects=[1.5, -1.5] + 49 * [0.0],
        scale_effects=np.zeros(51),
        seed=3,
    ).frame
    fit = fit_consistency(
        read_scores(frame.assign(one=1.0), covariates=["one"]),
        select=("location_intercept", "scale_intercept"),
        chains=2,
        draws=150,
    )
    p = fit.schools.pip_location_intercept
    assert (p[:2] > 0.99).all() and p[2:].median() < 0.5
    assert list(fit.idata.posterior["included"].coords["selected"].values) == [
        "location_intercept",
        "scale_intercept",
    ]


def test_what_is_refused():
    scores = read_scores(
        frame_of(10, 10, 1).assign(x=np.arange(100.0), z=1.0, w=2.0), covariates=["x"]
    )
    slopes = "x + (x | school_id)"
    with pytest.raises(ValueError, match="at most 3"):
        fit_consistency(
            scores,
            location=slopes,
            scale=slopes,
            select=("location_intercept", "location[x]", "scale_intercept", "scale[x]"),
        )
    with pytest.raises(ValueError, match="no effect of schools"):
        fit_consistency(scores, location="x", select=("scale[x]",))
    with pytest.raises(ValueError, match="'normal' or 'student'"):
        fit_consistency(scores, likelihood="cauchy")
    with pytest.raises(ValueError, match="between 0.5 and 1"):
        fit_consistency(scores, threshold=0.3)
    with pytest.raises(ValueError, match="between 0 and 1"):
        fit_consistency(scores, prior_inclusion=0)
    with pytest.raises(DataError, match="was not read"):
        fit_consistency(scores, location="income")
    with pytest.raises(DataError, match="read the scores with covariates"):
        fit_consistency(read_scores(frame_of(10, 10, 1)), location="x")
    with pytest.raises(DataError, match="told apart"):
        fit_consistency(scores, location="x + I(x * 2)")
    with pytest.raises(DataError, match="between schools only"):
        fit_consistency(scores, location="(1 | x)")


def test_school_level_covariates_use_the_sufficient_statistics():
    frame = frame_of(20, 60, 17)
    size = {s: float(k % 7) for k, s in enumerate(frame.school_id.unique())}
    scores = read_scores(frame.assign(size=frame.school_id.map(size)), covariates=["size"])
    fit = fit_consistency(scores, location="size", scale="center(size)")
    assert fit.manifest["run"]["program"] == "consistency_schools" and "location[size]" in set(
        fit.parameters.parameter
    )
    assert fit.ok


@pytest.mark.parametrize(
    "options",
    [
        dict(location="x + (x | school_id)", select=("scale_intercept", "location[x]")),
        dict(likelihood="student", location="x"),
    ],
)
def test_a_school_left_out_where_slopes_differ_or_tails_are_heavy(options):
    "The integral over a school's effects has settled: eight times the points give the same, and leave-one-out stands on it."
    from schoolvar.consistency.loo import loo, sampled_school_likelihood

    rng = np.random.default_rng(4)
    frame = frame_of(20, 51, 18).assign(x=lambda f: rng.standard_normal(len(f)))
    slopes = pd.Series(rng.normal(0.3, 0.3, 51), index=frame.school_id.unique())
    scores = read_scores(
        frame.assign(score=frame.score + frame.school_id.map(slopes) * frame.x), covariates=["x"]
    )
    fit = fit_consistency(scores, chains=2, draws=150, rounds=1, **options)
    few, many = (
        np.logaddexp.reduce(sampled_school_likelihood(fit, scores, 20, nodes)) - np.log(20)
        for nodes in (256, 2048)
    )
    # log predictive densities, far within their standard errors
    assert np.abs(few - many).max() < 0.05 and abs((few - many).mean()) < 0.005
    table = loo(fit, scores, draws=200)
    assert (
        len(table) == 51 and np.isfinite(table.elpd).all() and (table.pareto_k < 0.7).mean() > 0.9
    )
    if "student" not in options.values():
        plain = fit_consistency(scores, location="x", chains=2, draws=150, rounds=1)
        # the slopes do differ
        assert table.elpd.sum() > loo(plain, scores, draws=200).elpd.sum() + 10


def test_a_correlation_at_its_edge():
    "Marks from 0 to 10 leave the best schools no spread: the correlation of mean and spread is near -1, and a second run in learned coordinates tells it."
    rng = np.random.default_rng(3)
    level = rng.normal(0, 1.5, 250)
    frame = pd.DataFrame(
        {
            "school_id": np.repeat([f"{j:03d}" for j in range(250)], 12),
            "score": np.clip(
                np.round(6 + np.repeat(level, 12) + 2.5 * rng.standard_normal(3000)), 0, 10
            ),
        }
    )
    fit = fit_consistency(read_scores(frame))
    assert fit.ok, fit.verdict
    assert fit.parameter("correlation")["q2.5"] < -0.9 and fit.manifest["settings"]["rounds"] <= 2
    data = dict(zr0=0.0, zrs=0.1, lu0=0.0, lus=0.1, learn=0)
    learned = learned_coordinates(data, fit.idata)
    assert (
        learned["zr0"] < -0.8
        and learned["zrs"] > 0.1
        and learned["learn"] == 0
        and data["zr0"] == 0
    )
