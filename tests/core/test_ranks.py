"Ranks, pairs and funnels from draws that are known."

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import binom, norm

from schoolvar.core.ranks import (
    funnel_curves,
    funnel_limits,
    funnel_points,
    funnel_tail,
    pairwise,
    rank_intervals,
    ranks_sentence,
    told_apart,
)
from schoolvar.core.schools import proficiency, rank_draws, rank_summary, school_labels


@pytest.fixture(scope="module")
def effects():
    rng = np.random.default_rng(1)
    return np.linspace(-1, 1, 40) + rng.normal(0, 0.15, (1000, 40))


def test_ranks_are_permutations(effects):
    r = rank_draws(effects)
    assert (np.sort(r, axis=1) == np.arange(1, 41)).all()
    assert (r[0, effects[0].argmax()], r[0, effects[0].argmin()]) == (1, 40)


def test_intervals_hold_what_they_say(effects):
    t, r = rank_intervals(effects), rank_draws(effects)
    inside = ((r >= t.rank_lower.values) & (r <= t.rank_upper.values)).mean(0)
    assert (inside > 0.945).all() and t["rank"].iloc[-1] <= 2 < t["rank"].iloc[0]
    assert t.p_top_tenth.sum() == pytest.approx(4) and t.p_bottom_tenth.sum() == pytest.approx(4)
    pd.testing.assert_frame_equal(
        rank_summary(effects), t[["rank_lower", "rank_upper", "p_top_tenth", "p_bottom_tenth"]]
    )


def test_pairs_against_the_normal(effects):
    p = pairwise(effects, ["1", "2", "10"]).values
    gap = 2 / 39
    assert p[1, 0] == pytest.approx(norm.cdf(gap / (0.15 * 2**0.5)), abs=0.04) and p[
        2, 0
    ] == pytest.approx(norm.cdf(9 * gap / (0.15 * 2**0.5)), abs=0.03)
    assert np.allclose(p + p.T, 1)
    with pytest.raises(ValueError, match="no school 41"):
        pairwise(effects, ["41"])


def test_share_of_pairs(effects):
    exact = told_apart(effects)
    gap = 2 / 39 * np.subtract.outer(np.arange(40), np.arange(40))[np.triu_indices(40, 1)]
    expected = (norm.cdf(np.abs(gap) / (0.15 * 2**0.5)) >= 0.975).mean()
    assert (
        exact["share"] == pytest.approx(expected, abs=0.04)
        and exact["pairs"] == 780
        and exact["middle"] < exact["share"]
    )
    assert f"{exact['share']:.0%}" in ranks_sentence(effects)


def test_funnel_limits_are_binomial_without_overdispersion():
    rng = np.random.default_rng(3)
    n = rng.integers(10, 500, 2000)
    t = funnel_points(
        pd.DataFrame(dict(school=np.arange(2000), n_trials=n, raw=rng.binomial(n, 0.7) / n))
    )
    assert t.tau.iloc[0] < 0.01
    assert (t.z.abs() > norm.ppf(0.975)).mean() == pytest.approx(0.05, abs=0.015)
    curves = funnel_curves(t)
    row = curves[(curves.kind == "chance") & (curves.level == 0.95)].iloc[-1]
    center = t.center.iloc[0]
    usual = 2 * 1.96 * np.sqrt(center * (1 - center) / row.n_trials)
    # a count is whole: half of one on either side
    assert row.upper - row.lower == pytest.approx(usual + 1 / row.n_trials, rel=0.01)
    assert set(curves.level) == {0.95, 0.998}


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.65])
@pytest.mark.parametrize("n", [1, 5, 30, 400])
def test_at_every_whole_number_the_funnel_is_the_exact_test(n, spread):
    "By summing the distribution, on a finer grid of schools than the function has."
    z = np.linspace(-7, 7, 4001)
    weight = norm.pdf(z) / norm.pdf(z).sum()
    p = expit(logit(0.8) + spread * z)
    y = np.arange(n + 1)
    chance = binom.pmf(y[:, None], n, p) @ weight
    tail = np.minimum(chance.cumsum(), chance[::-1].cumsum()[::-1])
    limits = funnel_limits([n], 0.8, spread).set_index("level")
    np.testing.assert_allclose(funnel_tail(y / n, np.full(n + 1, n), 0.8, spread), tail, atol=1e-9)
    for level, (_, low, high) in zip(limits.index, limits.to_numpy(), strict=True):
        outside = (y / n < low) | (y / n > high)
        assert (outside == (tail < (1 - level) / 2)).all()


def test_with_many_results_only_the_schools_own_spread_is_left():
    limits = funnel_limits([3000, 5000, 10**7], 0.6, 0.65, [0.95])
    assert limits.upper.iloc[-1] == pytest.approx(expit(logit(0.6) + 1.959964 * 0.65), abs=1e-4)
    # the two ways of summing meet between 2,000 and 5,000 results
    near = funnel_limits(np.arange(3900, 4000), 0.6, 0.65, [0.95])
    assert np.abs(np.diff(near.upper)).max() < 1e-4 and near.upper.diff().max() < 1e-4


def test_ordinary_schools_stay_inside_as_often_as_the_level_says():
    rng = np.random.default_rng(5)
    for n in (20, 200, 5000):
        raw = rng.binomial(n, expit(logit(0.7) + 0.5 * rng.normal(size=200_000))) / n
        results, of_school = np.unique(raw, return_inverse=True)
        tail = funnel_tail(results, np.full(len(results), n), 0.7, 0.5)[of_school]
        # never more often, and less often where a single result is a large step
        assert (0.02 if n == 20 else 0.045) < (tail < 0.025).mean() < 0.0515
        assert (tail < 0.001).mean() < 0.0023


def test_an_extraordinary_school_stays_outside():
    rng = np.random.default_rng(4)
    n = np.full(300, 200)
    raw = rng.binomial(n, np.clip(rng.normal(0.6, 0.08, 300), 0, 1)) / n
    raw[0] = 0.1
    t = funnel_points(pd.DataFrame(dict(school=np.arange(300), n_trials=n, raw=raw)))
    assert (
        t.outside.iloc[0] == "99.8 %"
        and (t.outside == "99.8 %").sum() < 6
        and t.tau.iloc[0] == pytest.approx(0.08, abs=0.02)
    )


def test_proficiency_is_the_mean_over_cells():
    e, c = np.array([[0.3, -1.0]]), np.array([[0.0, 2.0]])
    expected = (1 / (1 + np.exp(-e)) + 1 / (1 + np.exp(-e - 2))) / 2
    assert np.allclose(proficiency(e, c), expected, atol=1e-6)


def test_labels_take_the_latest_year():
    f = pd.DataFrame(
        dict(
            school_id=["1", "1"],
            year=[2020, 2021],
            school_name=["Old", "New"],
            district_id=["a", "b"],
        )
    )
    t = school_labels(f, ["1"])
    assert (t.school_name[0], t.district_id[0], t.district[0]) == ("New", "b", "b")
