"Densities for power scaling, and fits under other priors."

import numpy as np
import pytest
from scipy import integrate, stats

from schoolvar.data.counts import read_counts
from schoolvar.data.simulate import simulate_two_grades
from schoolvar.sampling.engine import sample
from schoolvar.value_added.grades import prepare_two_grades
from schoolvar.value_added.methods import METHODS, method_inputs
from schoolvar.value_added.quality import quality_table
from schoolvar.value_added.sensitivity import grade_likelihood, log_prior


@pytest.mark.parametrize("method", METHODS)
def test_the_priors_density_is_the_programs(method):
    "Up to a constant, draw by draw."
    frame = simulate_two_grades(9, students=(5, 30), years=(2021, 2022), seed=3).frame
    two = prepare_two_grades(read_counts(frame))
    quality = quality_table(np.random.default_rng(1).normal(0, 0.5, (50, 9)), two.schools, 3)
    inputs = method_inputs(method, two, quality) | dict(keep=None)
    post = sample(**inputs, chains=1, warmup=20, draws=25, cache=False).posterior
    d = {v: post[v].values[0].astype(float) for v in post.data_vars}
    gap = log_prior(d) - d["lprior"]
    assert np.ptp(d["lprior"]) > 1 and np.ptp(gap) < 1e-6


def test_a_cohort_is_the_integral_on_paper():
    "Three rows of one cohort, its effect integrated by a general rule."
    y, n, cells, effect, sd = [3, 10, 7], [20, 14, 9], [0.2, -0.3, 0.5], 0.4, 0.6
    logit = np.log((np.array(y) + 0.5) / (np.array(n) - np.array(y) + 0.5))
    weight = np.array([3.0, 2.5, 1.5])
    arrays = dict(
        y=np.array(y),
        n=np.array(n),
        cell=np.array([1, 2, 3]),
        cohort=np.array([1, 1, 1]),
        school=np.array([1]),
        weights=(weight / weight.sum())[None],
        logit=np.array([weight @ logit / weight.sum()]),
        precision=np.array([weight.sum()]),
    )

    def density(c):
        p = 1 / (1 + np.exp(-(np.array(cells) + effect + c)))
        return stats.binom.pmf(y, n, p).prod() * stats.norm.pdf(c, 0, sd)

    paper = np.log(integrate.quad(density, -5, 5)[0]) - np.log(
        np.prod([stats.binom.pmf(k, m, 0.5) * 2.0**m for k, m in zip(y, n, strict=True)])
    )
    ours = grade_likelihood(arrays, np.array([cells]), np.array([[effect]]), np.array([sd]))
    assert ours[0] == pytest.approx(paper, abs=1e-3)


def test_the_data_decide_the_slope(fit):
    scaled = fit.sensitivity(draws=400).set_index("parameter")
    assert list(scaled) == ["prior", "likelihood", "diagnosis"]
    assert (scaled.loc[["slope", "sd_value_added"], "prior"] < 0.05).all()
    assert (scaled.loc[["slope", "sd_value_added"], "likelihood"] > 0.01).all()


def test_fits_under_other_priors_are_those_of_the_fit(fit):
    table = fit.sensitivity("priors", factors=(1.0, 3.0)).set_index(["factor", "parameter"])
    slope = fit.parameter("slope")
    # the fit's own priors and seed: the same draws
    assert table.loc[(1.0, "slope"), "mean"] == pytest.approx(slope["mean"], abs=1e-9)
    assert abs(table.loc[(3.0, "slope"), "mean"] - slope["mean"]) < slope["sd"]
