"""Power scaling finds whose a result is.

Known normal posteriors, and both families by one algorithm."""

import numpy as np
import pytest

from schoolvar.sampling import sensitivity
from schoolvar.sampling.sensitivity import diagnose, power_scaling, power_sensitivity


def posterior(prior_at, prior_sd, seen_at, seen_sd, seed=1):
    "Draws of a mean, log prior and log likelihood of each"
    precision = prior_sd**-2 + seen_sd**-2
    at = (prior_at * prior_sd**-2 + seen_at * seen_sd**-2) / precision
    x = np.random.default_rng(seed).normal(at, precision**-0.5, 4000)
    return x, -0.5 * ((x - prior_at) / prior_sd) ** 2, -0.5 * ((x - seen_at) / seen_sd) ** 2


@pytest.mark.parametrize(
    "case, words",
    [
        ((0, 1, 1, 0.05), ""),
        ((0, 1, 0.1, 10), "the prior decides: the data say little"),
        ((3, 0.3, 0, 0.3), "prior and data may disagree"),
    ],
)
def test_whose_a_mean_is(case, words):
    x, prior, seen = posterior(*case)
    told = power_scaling(["mu"], x[:, None], prior, seen)
    assert told.columns.tolist() == ["parameter", "prior", "likelihood", "diagnosis"]
    assert told.diagnosis[0] == words


def test_the_sign_of_a_quantity_does_not_matter():
    x, prior, _ = posterior(2, 0.5, 0, 0.5)
    there, back = power_sensitivity(np.column_stack([x, -x]), prior)
    assert there == pytest.approx(back, rel=1e-6)


def test_distance_is_that_of_its_definition():
    "The distance of the reweighted draws by hand, as Kallioinen et al. (2024) define it."
    x, prior, _ = posterior(3, 0.3, 0, 0.3)
    delta, moved = 0.01, []
    for power in (1 / (1 + delta), 1 + delta):
        w = np.exp((power - 1) * (prior - prior.max()))
        w /= w.sum()
        moved.append(max(_distance(x, w), _distance(-x, w)))
    by_hand = sum(moved) / (2 * np.log2(1 + delta))
    assert power_sensitivity(x[:, None], prior, delta)[0] == pytest.approx(by_hand, rel=0.02)


def _distance(x, w):
    order = np.argsort(x)
    x, w = x[order], w[order]
    P, Q, gap = np.arange(1, len(x)) / len(x), np.cumsum(w)[:-1], np.diff(x)

    def part(p, q):
        return (gap * p * np.log2(2 * p / (p + q))).sum() + (gap * (q - p)).sum() / (2 * np.log(2))

    return np.sqrt((part(P, Q) + part(Q, P)) / (gap * (P + Q)).sum())


def test_words_at_the_limits():
    assert sensitivity.SENSITIVE == 0.05
    assert diagnose(0.05, 0.0) == "" and diagnose(0.051, float("nan")) == "moves with its prior"
    assert diagnose(0.051, 0.05) == "prior and data may disagree"
