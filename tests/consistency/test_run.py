"Draws: programs agree with each other and with a sampler of indicators."

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from schoolvar.consistency.fit import fit_consistency
from schoolvar.consistency.model import make_model, program_data
from schoolvar.consistency.posterior import KEEP, derived, population_names, school_table
from schoolvar.consistency.priors import inclusion_data
from schoolvar.consistency.run import axes, learned_coordinates, run_settings
from schoolvar.consistency.whitening import Blocks
from schoolvar.data.scores import read_scores
from schoolvar.data.simulate import simulate_scores
from schoolvar.sampling.converge import sample_until_converged


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
        sampler=run_settings(len(model.school)) | dict(draws=draws, rounds=1),
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
    "Samples the indicators: Gibbs for delta, u and gamma, Metropolis for the rest"
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

    def half_t(x, scale):
        return x - 2 * np.log1p(np.exp(2 * x) / scale**2 / 3)

    def log_lik(e, q):
        return -n * e - 0.5 * q * np.exp(-2 * e)

    def total(e, t, q):
        return log_lik(e + t, q).sum(1, keepdims=True) - 0.5 * ((e - np.log(s0)) / 3) ** 2

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
        gain = log_lik(eta + t, q) - log_lik(eta, q) + np.log(pi / (1 - pi))
        on = rng.random(t.shape) < 1 / (1 + np.exp(-np.clip(gain, -50, 50)))
        tu, tt, r = np.exp(lu), np.exp(lt), np.tanh(zr)
        mean, sd = r * tt * (mu - gamma) / tu, tt * np.sqrt(1 - r * r)
        # off: the prior
        fresh = mean + sd * rng.standard_normal(t.shape)
        # on: Metropolis
        step = t + np.minimum(sd, 1 / np.sqrt(2 * n)) * 1.5 * rng.standard_normal(t.shape)
        ratio = (
            log_lik(eta + step, q)
            - log_lik(eta + t, q)
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
        gain = total(e2, on * t, q) - total(eta, on * t, q)
        eta = np.where(np.log(rng.random(C)) < gain, e2, eta)
        for _ in range(2):
            new = [
                x + w / np.sqrt(J) * rng.standard_normal(C)
                for x, w in ((lu, 1.0), (lt, 1.5), (zr, 1.5))
            ]
            ok = np.log(rng.random(C)) < effects(*new, mu - gamma, t) - effects(
                lu, lt, zr, mu - gamma, t
            )
            lu, lt, zr = (np.where(ok, a, b) for a, b in zip(new, (lu, lt, zr), strict=True))
        if k >= burn:
            pips += on / (iterations - burn)
            keep.append(np.concatenate([gamma, eta, np.exp(lu), np.exp(lt), np.tanh(zr)], 1))
    return pips, np.array(keep).mean(0)


def test_summed_out_equals_sampled_indicators():
    "PIPs and parameters of a sampler that draws the indicators, within Monte Carlo error"
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


def test_a_correlation_at_its_edge():
    """Marks from 0 to 10 leave the best schools no spread

    The correlation of mean and spread is near -1; a second run in learned coordinates tells it."""
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
