"Exact tests of small things, each of which catches a fault that the larger tests let through (tests/mutations)."

import numpy as np
import pytest
from scipy import special, stats

from schoolvar.achievement.design import prepare
from schoolvar.achievement.ladder import LEVELS
from schoolvar.achievement.whitening import levels_in, stan_data
from schoolvar.consistency.fit import fit_consistency
from schoolvar.consistency.inclusion import (
    TYPICAL,
    UNKNOWN,
    UNUSUAL,
    bayes_factor,
    false_discovery_rate,
    verdicts,
)
from schoolvar.consistency.loo import school_log_likelihood
from schoolvar.consistency.model import make_model, program_data
from schoolvar.consistency.predict import some_draws
from schoolvar.consistency.priors import inclusion_data
from schoolvar.core.schools import interval, inverse_logit, proficiency, rank_draws
from schoolvar.data.counts import read_counts
from schoolvar.data.scores import read_scores
from schoolvar.data.simulate import simulate_counts, simulate_scores
from schoolvar.sampling.engine import sample


def draws_and_target(program, data):
    "A few draws of everything, and the sampler's target at each."
    idata = sample(program, data, chains=1, warmup=20, draws=25, cache=False, progress=False)
    draws = [
        {v: idata.posterior[v].values[0, i].astype(float) for v in idata.posterior.data_vars}
        for i in range(25)
    ]
    return draws, idata.sample_stats["lp"].values[0]


# ---- the target of a program is the density on paper, whatever the coordinates


def whitened(s, m, V, z):
    "An effect over its SD given what was seen of it, and the log Jacobian of the effect."
    T = V + s**2
    return s * m / T + np.sqrt(V / T) * z, len(z) * np.log(abs(s)) + 0.5 * np.log(V / T).sum()


def ladder_density(levels, data, d):
    "Log density of M1, M2 or M3 in the sampler's coordinates: density on paper plus log Jacobian, up to a constant."
    s = {k: float(d[f"s_{k}"]) for k in levels}
    sds = np.array([s[k] for k in levels_in(data)])
    np.testing.assert_allclose(sds, d["s"])
    fixed, level = d["fixed"], d["fixed"][: data["F"]].mean()
    lp = (
        stats.norm.logpdf(level, 0, 2.5)
        + stats.norm.logpdf(fixed[: data["F"]] - level, 0, 1.5).sum()
    )
    lp += (
        sum(stats.t.logpdf(abs(x), 3, scale=2.5) for x in s.values())
        + np.log(np.cosh(d["t"])).sum()
    )
    spread = lambda at: data[f"{at}_noise"] + data[f"{at}_within"] @ sds**2
    v, jacobian = whitened(
        s["school"],
        data["school_logit"] - data["school_fixed"] @ fixed,
        spread("school"),
        d["z_school"],
    )
    school = s["school"] * v
    np.testing.assert_allclose(school, d["school"], atol=1e-5)
    lp += stats.norm.logpdf(school, 0, abs(s["school"])).sum() + jacobian
    eta = fixed[data["cell_of"] - 1]
    if "cohort" not in levels:
        eta = eta + school[data["school_of"] - 1]
    else:
        above = school[data["cohort_school"] - 1]
        v, jacobian = whitened(
            s["cohort"],
            data["cohort_logit"] - data["cohort_fixed"] @ fixed - above,
            spread("cohort"),
            d["z_cohort"],
        )
        lp += stats.norm.logpdf(s["cohort"] * v, 0, abs(s["cohort"])).sum() + jacobian
        cohort = above + s["cohort"] * v
        eta = eta + cohort[data["cohort_of"] - 1]
    if "subject" in levels:
        m = data["subject_logit"] - data["subject_fixed"] @ fixed
        for at, weight in zip(data["subject_cohort"], data["subject_weight"]):
            m = m - weight * cohort[at - 1]
        v, jacobian = whitened(s["subject"], m, data["subject_noise"], d["z_subject"])
        lp += stats.norm.logpdf(s["subject"] * v, 0, abs(s["subject"])).sum() + jacobian
        eta = eta + s["subject"] * v[data["subject_of"] - 1]
    return lp + stats.binom.logpmf(data["y"], data["n"], special.expit(eta)).sum()


@pytest.mark.parametrize("model", ["M1", "M2", "M3"])
def test_ladder_programs_are_the_density_on_paper(model):
    counts = read_counts(
        simulate_counts(
            9, years=(2023, 2024), subjects=("Math", "Reading"), students=20, seed=2
        ).frame
    )
    levels = LEVELS[model]
    data = stan_data(prepare(counts, model)[1], levels) | dict(
        prior_intercept=2.5, prior_cell=1.5, prior_slope=np.zeros(0), prior_sd=2.5, want_rows=0
    )
    draws, target = draws_and_target("achievement", data)
    gap = np.array([lp - ladder_density(levels, data, d) for lp, d in zip(target, draws)])
    assert np.ptp(target) > 3 and np.ptp(gap) < 1e-4


def consistency_density(data, d):
    "Log density of the consistency model with its indicators summed out by hand, up to a constant; and each school's probability of being unusual."
    tau_u, tau_t, rho, pi = (float(d[k]) for k in ("tau_u", "tau_t", "rho", "pi"))
    n, prec, h = (np.asarray(data[k], float) for k in ("n", "prec", "h"))
    residual = data["ybar"] - data["X"] @ d["beta"]
    u = prec * residual / (tau_u**-2 + prec) + d["zm"] / np.sqrt(tau_u**-2 + prec)
    eta, about, v = data["W"] @ d["zeta"], rho * tau_t / tau_u * u, tau_t**2 * (1 - rho**2)
    curvature = 1 / v + h
    t = (about / v + data["hd"] - h * (eta - data["W"] @ data["z0"])) / curvature + d[
        "z2"
    ] / np.sqrt(curvature)
    seen = lambda log_sd: (
        -n * log_sd - 0.5 * (data["ss"] + n * (residual - u) ** 2) * np.exp(-2 * log_sd)
    )
    unusual = (
        np.log(pi)
        + stats.norm.logpdf(t, about, np.sqrt(v))
        - 0.5 * np.log(curvature)
        + seen(eta + t)
    )
    typical = np.log1p(-pi) + stats.norm.logpdf(d["z2"]) + seen(eta)
    half_t = lambda x, scale: stats.t.logpdf(x, data["tau_df"], scale=scale)
    lp = (
        stats.norm.logpdf(d["beta"], data["beta_mean"], data["beta_scale"]).sum()
        + stats.norm.logpdf(d["zeta"], data["zeta_mean"], data["zeta_scale"]).sum()
    )
    lp += (
        half_t(tau_u, data["tau_u_scale"])
        + half_t(tau_t, data["tau_t_scale"])
        + (data["lkj"] - 1) * np.log1p(-(rho**2))
    )
    # the sampler moves on log SDs and atanh of the correlation
    lp += np.log(tau_u) + np.log(tau_t) + np.log1p(-(rho**2))
    if data["learn"]:
        lp += stats.beta.logpdf(pi, data["pi_a"], data["pi_b"]) + np.log(pi) + np.log1p(-pi)
    lp += stats.norm.logpdf(u, 0, tau_u).sum() - 0.5 * np.log(tau_u**-2 + prec).sum()
    return lp + np.logaddexp(unusual, typical).sum(), special.expit(unusual - typical)


@pytest.mark.parametrize("prior", [0.2, "learn"])
def test_consistency_program_is_the_density_on_paper(prior):
    "Indicators summed out by hand give the same target, and the same probabilities of inclusion, draw by draw."
    scores = read_scores(simulate_scores(n_schools=12, students=20, seed=3).frame)
    data, _ = program_data(
        make_model(scores), scores.mean, scores.sd, inclusion_data(prior, None, 12)[0]
    )
    draws, target = draws_and_target("consistency_schools", data)
    ours = [consistency_density(data, d) for d in draws]
    assert np.ptp(target) > 3 and np.ptp(target - [lp for lp, _ in ours]) < 1e-3
    np.testing.assert_allclose([d["included"] for d in draws], [p for _, p in ours], atol=1e-4)


def test_a_school_left_out_is_the_integral_on_paper():
    "Its scores' density in a draw, both effects summed over a fine grid, with and without the effect on its spread."
    scores = read_scores(frame := simulate_scores(n_schools=6, students=12, seed=3).frame)
    fit = fit_consistency(scores, prior_inclusion=0.2, sampler=dict(chains=2, draws=100, rounds=1))
    ours, d = school_log_likelihood(fit, scores, draws=4), some_draws(fit, 4)
    z, (z1, z2) = (
        np.linspace(-8, 8, 321),
        np.meshgrid(np.linspace(-8, 8, 321), np.linspace(-8, 8, 321), indexing="ij"),
    )
    weight = stats.norm.logpdf(z) + np.log(z[1] - z[0])
    paper = np.empty_like(ours)
    for i in range(4):
        tau_u, tau_t, rho, pi, mean, log_sd = (
            float(d[k][i].squeeze()) for k in ("tau_u", "tau_t", "rho", "pi", "beta", "zeta")
        )
        t = tau_t * (rho * z1 + np.sqrt(1 - rho**2) * z2)
        for j, school in enumerate(scores.schools.school):
            y = frame.score[frame.school_id == school]
            unusual = special.logsumexp(
                sum(stats.norm.logpdf(x, mean + tau_u * z1, np.exp(log_sd + t)) for x in y)
                + weight[:, None]
                + weight
            )
            typical = special.logsumexp(
                sum(stats.norm.logpdf(x, mean + tau_u * z, np.exp(log_sd)) for x in y) + weight
            )
            paper[i, j] = np.logaddexp(np.log(pi) + unusual, np.log1p(-pi) + typical)
    assert np.ptp(paper) > 3 and pi == pytest.approx(0.2)
    np.testing.assert_allclose(ours, paper, atol=2e-3)


# ---- edges and directions


def test_limits_belong_to_their_states():
    assert verdicts([0.75, 0.7499999, 0.25, 0.2500001]).tolist() == [
        UNUSUAL,
        UNKNOWN,
        TYPICAL,
        UNKNOWN,
    ]


def test_evidence_takes_the_prior_out():
    np.testing.assert_allclose(bayes_factor([0.9, 0.5], [0.5, 0.2]), [9, 4])
    assert false_discovery_rate([0.9, 0.8, 0.1], [True, True, False]) == pytest.approx(0.15)


def test_ends_of_an_interval():
    mean, low, high = interval(np.arange(1001.0)[:, None])
    assert (mean[0], low[0], high[0]) == pytest.approx((500, 25, 975))
    assert [e[0] for e in interval(np.arange(1001.0)[:, None], 0.5)[1:]] == pytest.approx(
        [250, 750]
    )


def test_the_highest_effect_has_rank_one():
    assert rank_draws([[0.1, 0.9, -2], [3, 1, 2]]).tolist() == [[2, 1, 3], [1, 3, 2]]


def test_proficiency_is_the_mean_of_shares_not_of_log_odds():
    cells, effects = np.array([[-2.0, 0.0, 1.0]]), np.array([[0.0, 0.7]])
    np.testing.assert_allclose(
        proficiency(effects, cells)[0],
        [special.expit(cells[0] + e).mean() for e in effects[0]],
        rtol=1e-6,
    )
    assert inverse_logit(0.0) == 0.5


def test_cells_are_numbered_by_their_names():
    d = prepare(
        read_counts(
            simulate_counts(4, years=(2023, 2024), subjects=("Math", "Reading"), seed=2).frame
        ),
        "M2",
    )[1]
    assert [d.cells[k - 1] for k in stan_data(d)["cell_of"]] == [
        f"{r.year}:{r.subject}" for r in d.frame.itertuples()
    ]


def test_earlier_quality_says_its_unit():
    "Mean and SD of the draws, in the unit of the draws, with what was counted."
    import io
    from types import SimpleNamespace

    import pyarrow.parquet as pq

    from schoolvar.value_added.quality import quality_files

    frame = simulate_counts(3, seed=1).frame
    draws = np.random.default_rng(1).normal(size=(50, 3))
    two = SimpleNamespace(grades=(3, 6), schools=["a", "b", "c"], earlier=frame)
    files, table = quality_files(
        two, SimpleNamespace(idata=SimpleNamespace(attrs=dict(seed=7))), draws, True
    )
    for data in files.values():
        meta = {
            k.decode(): v.decode() for k, v in pq.read_schema(io.BytesIO(data)).metadata.items()
        }
        assert (meta["units"], meta["grade"], meta["schools"], meta["draws"], meta["seed"]) == (
            "logit",
            "3",
            "3",
            "50",
            "7",
        )
    np.testing.assert_allclose(table.g3_re_sd, draws.std(0, ddof=1))


def test_raw_spread_of_a_school_is_the_sample_sd():
    from types import SimpleNamespace

    import pandas as pd
    import xarray as xr

    from schoolvar.consistency.posterior import school_table

    frame = simulate_scores(n_schools=3, students=5, seed=1).frame
    scores = read_scores(frame)
    rng = np.random.default_rng(1)
    post = xr.Dataset(
        {
            k: (("chain", "draw", "school"), rng.uniform(0.1, 0.9, (4, 50, 3)))
            for k in ("mu", "sd", "effect", "included")
        }
    )
    table = school_table(make_model(scores), SimpleNamespace(posterior=post), 0.5, 0.75)
    np.testing.assert_allclose(
        table.raw_sd, frame.groupby("school_id").score.std().reindex(table.school), rtol=1e-9
    )
    pd.testing.assert_series_equal(
        table.effect_lower,
        pd.Series(np.quantile(post["effect"].values, 0.025, axis=(0, 1)), name="effect_lower"),
    )
