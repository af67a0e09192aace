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


class Gibbs:
    "Samples the indicators: Gibbs for delta, u and gamma, Metropolis for the rest"

    def __init__(self, n, ybar, ss, m0, s0, chains=40, pi=0.5, seed=1):
        self.n, self.ybar, self.ss, self.m0, self.s0, self.pi = n, ybar, ss, m0, s0, pi
        self.rng, self.J, self.C = np.random.default_rng(seed), len(n), (chains, 1)
        C, J = self.C, self.J
        self.eta = np.full(C, 0.5 * np.log(ss.sum() / (n - 1).sum()))
        self.gamma = np.full(C, ybar.mean())
        # log SDs of means and of log SDs, and Fisher's z of their correlation
        self.sds = np.full(C, np.log(ybar.std())), np.full(C, np.log(0.2)), np.zeros(C)
        self.mu = np.repeat(ybar[None], chains, 0)
        self.t = self.rng.normal(0, 0.2, (chains, J))
        self.on = self.rng.random((chains, J)) < 0.5

    def log_lik(self, e):
        q = self.ss + self.n * (self.ybar - self.mu) ** 2
        return -self.n * e - 0.5 * q * np.exp(-2 * e)

    def total(self, e):
        within = self.log_lik(e + self.on * self.t).sum(1, keepdims=True)
        return within - 0.5 * ((e - np.log(self.s0)) / 3) ** 2

    def effects(self, lu, lt, zr):
        def half_t(x, scale):
            return x - 2 * np.log1p(np.exp(2 * x) / scale**2 / 3)

        r = np.tanh(zr)
        a, b = (self.mu - self.gamma) * np.exp(-lu), self.t * np.exp(-lt)
        return (
            (-0.5 * (a * a - 2 * r * a * b + b * b) / (1 - r * r)).sum(1, keepdims=True)
            - self.J * (lu + lt + 0.5 * np.log1p(-r * r))
            + half_t(lu, self.s0)
            + half_t(lt, 1.0)
            + np.log1p(-r * r)
        )

    def step_schools(self):
        "Indicators, effects on the spread, means, and the mean of means"
        rng, t, eta, n = self.rng, self.t, self.eta, self.n
        gain = self.log_lik(eta + t) - self.log_lik(eta) + np.log(self.pi / (1 - self.pi))
        self.on = rng.random(t.shape) < 1 / (1 + np.exp(-np.clip(gain, -50, 50)))
        tu, tt, r = np.exp(self.sds[0]), np.exp(self.sds[1]), np.tanh(self.sds[2])
        mean, sd = r * tt * (self.mu - self.gamma) / tu, tt * np.sqrt(1 - r * r)
        # off: the prior
        fresh = mean + sd * rng.standard_normal(t.shape)
        # on: Metropolis
        step = t + np.minimum(sd, 1 / np.sqrt(2 * n)) * 1.5 * rng.standard_normal(t.shape)
        ratio = self.log_lik(eta + step) - self.log_lik(eta + t)
        ratio = ratio - 0.5 * ((step - mean) ** 2 - (t - mean) ** 2) / sd**2
        kept = np.where(np.log(rng.random(t.shape)) < ratio, step, t)
        self.t = np.where(self.on, kept, fresh)
        variance, prior = np.exp(2 * (eta + self.on * self.t)) / n, tu**2 * (1 - r * r)
        centre = r * tu / tt * self.t
        P = 1 / variance + 1 / prior
        mean = (self.ybar / variance + (self.gamma + centre) / prior) / P
        self.mu = mean + rng.standard_normal(t.shape) / np.sqrt(P)
        P = self.J / prior + 1 / (3 * self.s0) ** 2
        above = (self.mu - centre).sum(1, keepdims=True) / prior
        mean = (above + self.m0 / (3 * self.s0) ** 2) / P
        self.gamma = mean + rng.standard_normal(self.C) / np.sqrt(P)

    def step_population(self):
        "The typical spread, the SDs of schools and their correlation"
        rng = self.rng
        new = self.eta + 2 / np.sqrt(2 * self.n.sum()) * rng.standard_normal(self.C)
        better = np.log(rng.random(self.C)) < self.total(new) - self.total(self.eta)
        self.eta = np.where(better, new, self.eta)
        for _ in range(2):
            new = [
                x + w / np.sqrt(self.J) * rng.standard_normal(self.C)
                for x, w in zip(self.sds, (1.0, 1.5, 1.5), strict=True)
            ]
            gain = self.effects(*new) - self.effects(*self.sds)
            better = np.log(rng.random(self.C)) < gain
            self.sds = tuple(np.where(better, a, b) for a, b in zip(new, self.sds, strict=True))

    def run(self, iterations=6000, burn=1000):
        "Inclusion probabilities [chains, schools], and means of the parameters [chains, 5]"
        kept, pips = [], np.zeros(self.t.shape)
        for k in range(iterations):
            self.step_schools()
            self.step_population()
            if k >= burn:
                pips += self.on / (iterations - burn)
                lu, lt, zr = self.sds
                values = self.gamma, self.eta, np.exp(lu), np.exp(lt), np.tanh(zr)
                kept.append(np.concatenate(values, 1))
        return pips, np.array(kept).mean(0)


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
    known = s.n.values.astype(float), s["mean"].values, s.ss.values
    pips, means = Gibbs(*known, scores.mean, scores.sd).run()
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
