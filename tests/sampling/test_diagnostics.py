"The gate and its estimators, on draws whose faults are known."

import warnings

import numpy as np
import pandas as pd
import pytest
from frozen_fits import LABELS

from schoolvar.sampling import diagnostics as dg
from schoolvar.sampling.diagnostics import (
    LIMITS,
    check,
    convergence,
    ess_mean,
    mcse_mean,
    mcse_quantile,
    parameters_table,
    pick,
    sampler_report,
)
from schoolvar.sampling.draws import arviz, inference_data

az = arviz()
# ArviZ 1.x keeps its functions of arrays elsewhere
ONE = not hasattr(az, "stats")


def by_arviz(a):
    "What ArviZ says of one quantity (chain, draw)"
    if ONE:
        from arviz_stats.base import array_stats as stats

        r_hat, ess, mcse = (
            lambda a, f=f, **k: float(np.squeeze(f(a, chain_axis=0, draw_axis=1, **k)))
            for f in (stats.rhat, stats.ess, stats.mcse)
        )
        tail = dict(method="tail", prob=(0.05, 0.95))  # its default there is another interval
    else:
        r_hat, ess, mcse, tail = az.rhat, az.ess, az.mcse, dict(method="tail")
    return dict(
        r_hat=r_hat(a),
        ess_bulk=ess(a, method="bulk"),
        ess_tail=ess(a, **tail),
        mean=ess(a, method="mean"),
        mcse=mcse(a, method="mean"),
        low=mcse(a, method="quantile", prob=0.025),
        high=mcse(a, method="quantile", prob=0.975),
    )


def ar1(rng, shape, r):
    x = rng.normal(size=shape)
    for t in range(1, shape[1]):
        x[:, t] = r * x[:, t - 1] + np.sqrt(1 - r**2) * x[:, t]
    return x


def kinds(n):
    rng = np.random.default_rng(n)
    x = rng.normal(size=(4, n, 12))
    return dict(
        independent=x,
        sticky=ar1(rng, (4, n, 12), 0.95),
        walk=np.cumsum(x, 1),
        alternating=ar1(rng, (4, n, 12), -0.9),
        indicator=(x > 1.0).astype(float),
        heavy=np.exp(3 * x),
        apart=x + 2 * rng.normal(size=(4, 1, 12)),
        scales=x * rng.uniform(0.2, 3, (4, 1, 12)),
        two_chains=x[:2],
    )


@pytest.mark.parametrize("kind", kinds(8))
@pytest.mark.parametrize("n", [8, 9, 51, 100, 253])
def test_equal_to_arviz(kind, n):
    x = kinds(n)[kind]
    ours = convergence(x) | dict(
        mean=ess_mean(x),
        mcse=mcse_mean(x),
        low=mcse_quantile(x, 0.025),
        high=mcse_quantile(x, 0.975),
    )
    for i in range(x.shape[2]):
        a = x[:, :, i]
        with warnings.catch_warnings():
            # ArviZ divides by zero where nothing varies
            warnings.simplefilter("ignore")
            theirs = by_arviz(a)
        for k, v in theirs.items():
            np.testing.assert_allclose(ours[k][i], v, rtol=1e-8, err_msg=f"{k} of {kind} {i}")


def test_shapes_blocks_and_precision():
    "Any shape, in one block or many, single precision or double"
    x = np.random.default_rng(1).normal(size=(4, 100, 3, 700))
    whole = convergence(x)
    assert whole["r_hat"].shape == (3, 700) and np.ndim(convergence(x[..., 0, 0])["r_hat"]) == 0
    np.testing.assert_array_equal(
        whole["ess_bulk"][2, 650:], convergence(x[:, :, 2, 650:])["ess_bulk"]
    )
    np.testing.assert_allclose(
        whole["ess_tail"][:, :9], convergence(x[..., :9].astype(np.float32))["ess_tail"], rtol=1e-3
    )


def test_draws_that_say_nothing():
    constant, broken = np.ones((4, 100, 1)), np.full((4, 100, 1), np.nan)
    assert (
        np.isnan(convergence(constant)["r_hat"]).all()
        and convergence(constant)["ess_bulk"][0] == 400
    )
    assert all(np.isnan(v).all() for v in convergence(broken).values())
    with pytest.raises(ValueError, match="8 draws"):
        convergence(np.zeros((4, 5)))


def test_fast_enough_for_a_province():
    "Against one call a quantity, in the same run"
    import time

    x = np.random.default_rng(1).normal(size=(4, 250, 2000)).astype(np.float32)
    clock = time.perf_counter()
    convergence(x)
    ours = (time.perf_counter() - clock) / 2000
    clock = time.perf_counter()
    for i in range(20):
        by_arviz(x[:, :, i])
    assert ours < (time.perf_counter() - clock) / 20 / 2


# The sampler's statistics


def test_e_bfmi_is_arviz_s(eight_schools):
    r = sampler_report(eight_schools)
    theirs = az.bfmi(eight_schools)
    assert (
        r["e_bfmi"] == pytest.approx(float(np.min(theirs["energy"] if ONE else theirs)))
        and r["draws"] == 1600
    )
    assert r["at_max_treedepth"] == 0
    assert (
        sampler_report(
            eight_schools, max_treedepth=int(eight_schools.sample_stats["tree_depth"].max())
        )["at_max_treedepth"]
        > 0
    )


# The table


def test_the_table_by_hand(eight_schools):
    t = parameters_table(
        eight_schools,
        {
            "mean effect": "mu",
            "third": ("theta", {"school": "003"}),
            "fourth": ("theta", 3),
            "theta": "theta",
        },
    )
    assert list(t) == [
        "parameter",
        "mean",
        "sd",
        "q2.5",
        "q97.5",
        "ess_bulk",
        "ess_tail",
        "r_hat",
        "mcse_mean",
    ]
    assert list(t.parameter) == ["mean effect", "third", "fourth", *(f"theta[{s}]" for s in LABELS)]
    x = eight_schools.posterior["theta"].sel(school="003").values.ravel()
    np.testing.assert_allclose(
        t.loc[1, ["mean", "sd", "q2.5", "q97.5"]].astype(float),
        [x.mean(), x.std(ddof=1), *np.quantile(x, [0.025, 0.975])],
    )
    assert t["mean"][2] == t["mean"][6] and t["mean"][1] == t["mean"][5]
    theirs = by_arviz(eight_schools.posterior["mu"].values)
    for ours, name in (
        ("ess_bulk", "ess_bulk"),
        ("ess_tail", "ess_tail"),
        ("r_hat", "r_hat"),
        ("mcse_mean", "mcse"),
    ):
        assert t[ours][0] == pytest.approx(theirs[name], rel=1e-8)


def test_dimensions_in_another_order(eight_schools):
    turned = eight_schools.copy()
    turned.posterior["theta"] = turned.posterior["theta"].transpose("school", "draw", "chain")
    pd.testing.assert_frame_equal(
        parameters_table(turned, ["theta"]), parameters_table(eight_schools, ["theta"])
    )


def test_unknown_names(eight_schools):
    with pytest.raises(KeyError, match="no variable 'nu'; there are: mu, tau, theta"):
        pick(eight_schools, ["nu"])
    with pytest.raises(ValueError, match="no parameter"):
        pick(eight_schools, [])


# The gate


def made(divergent=0, energy=None, depth=3, **draws):
    "InferenceData of given draws with a sampler that did well, or not"
    first = next(iter(draws.values()))
    flags = np.zeros(first.shape[:2])
    flags.ravel()[:divergent] = 1
    e = np.random.default_rng(9).normal(size=first.shape[:2]) if energy is None else energy
    return inference_data(
        draws,
        dict(lp__=-e, energy__=e, divergent__=flags, treedepth__=np.full(first.shape[:2], depth)),
    )


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_good_draws_pass(rng):
    d = check(made(a=rng.normal(size=(4, 300)), b=rng.exponential(size=(4, 300))), ["a", "b"])
    assert (
        d.ok
        and d.messages == []
        and d.verdict.startswith("The chains agree")
        and "0 divergent" in d.verdict
    )
    assert set(d.numbers) >= {
        "r_hat_max",
        "ess_bulk_min",
        "ess_tail_min",
        "mcse_mean_max",
        "mcse_ends_max",
        "divergences",
        "at_max_treedepth",
        "e_bfmi",
        "limits",
    }
    assert d.table["mcse_ends"].between(0.03, 0.25).all() and d.to_dict()["ok"] is True


def test_chains_apart(rng):
    x = rng.normal(size=(4, 300))
    x[0] += 0.5
    d = check(made(a=x, b=rng.normal(size=(4, 300))), ["a", "b"])
    assert (
        not d.ok
        and "R-hat above 1.01 for a (largest" in " ".join(d.messages)
        and "longer run" in d.verdict
    )


def test_chains_of_different_spread(rng):
    "Equal means: only the folded R-hat sees it"
    d = check(made(a=rng.normal(size=(4, 300)) * np.array([1, 1, 1, 2.0])[:, None]), ["a"])
    assert not d.ok and "R-hat" in d.messages[0]


def test_too_few_draws(rng):
    d = check(made(a=rng.normal(size=(4, 90))), ["a"])
    assert not d.ok and "fewer than 400 effective draws of the bulk for a" in " ".join(d.messages)


def test_sticky_tails_with_a_good_middle(rng):
    "The chain stays in a tail when it comes there: bulk is fine, the tail is not"
    x = np.clip(rng.normal(size=(4, 500)), -1.5, 1.5)
    x[2, 100:200] += np.abs(rng.normal(size=100)) + 1.2
    d = check(made(a=x), ["a"], limits=dict(r_hat=2, ess=100))
    assert [m for m in d.messages if "of the tail for a" in m] and not [
        m for m in d.messages if "of the bulk" in m
    ]


@pytest.mark.parametrize(
    "n, words", [(1, "1 of 1,200 transitions diverged"), (7, "7 of 1,200 transitions diverged")]
)
def test_one_divergence_fails(rng, n, words):
    d = check(made(a=rng.normal(size=(4, 300)), divergent=n), ["a"])
    assert not d.ok and d.messages == [words]


def test_low_e_bfmi(rng):
    d = check(
        made(a=rng.normal(size=(4, 300)), energy=np.cumsum(rng.normal(size=(4, 300)), 1)), ["a"]
    )
    assert not d.ok and "E-BFMI" in d.messages[0]


def test_tree_depth_is_counted_and_does_not_fail(rng):
    d = check(made(a=rng.normal(size=(4, 300)), depth=10), ["a"])
    assert d.ok and d.numbers["at_max_treedepth"] == 1200 and "slow, not wrong" in d.messages[0]
    assert (
        check(made(a=rng.normal(size=(4, 300)), depth=10), ["a"], max_treedepth=12).messages == []
    )


def test_monte_carlo_error_of_means_and_ends(rng):
    x = rng.normal(size=(4, 300))
    assert (
        "Monte Carlo error of the mean above 2% of the posterior SD for a"
        in check(made(a=x), ["a"], limits=dict(mcse_mean=0.02)).messages[0]
    )
    assert (
        "Monte Carlo error of the interval's ends above 5%"
        in check(made(a=x), ["a"], limits=dict(mcse_ends=0.05)).messages[0]
    )


def test_r_hat_is_compared_unrounded():
    row = pd.DataFrame(
        dict(
            parameter=["a"],
            r_hat=[1.01],
            ess_bulk=[400.0],
            ess_tail=[400.0],
            mcse_mean=[0.1],
            mcse_ends=[0.25],
            sd=[1.0],
        )
    )
    # every limit itself passes
    assert dg._check_parameters(row, LIMITS) == []
    for column, value in dict(
        r_hat=1.0100001, ess_bulk=399.99, ess_tail=399.99, mcse_mean=0.1001, mcse_ends=0.2501
    ).items():
        assert len(dg._check_parameters(row.assign(**{column: value}), LIMITS)) == 1, column
        assert len(dg._check_parameters(row.assign(**{column: np.nan}), LIMITS)) == 1, column


def test_many_names_are_shortened(rng):
    x = rng.normal(size=(4, 40, 8))
    assert "effective draws of the bulk for u[0], u[1], u[2] and 5 more (least" in " ".join(
        check(made(u=x), ["u"]).messages
    )


def test_a_vector_of_many(rng):
    good = rng.normal(size=(4, 300, 500))
    assert check(made(a=good[..., 0], u=good), ["a"], many=["u"]).ok
    one_bad = good.copy()
    one_bad[0, :, 7] += 1
    d = check(made(a=good[..., 0], u=one_bad), ["a"], many=["u"])
    assert not d.ok and d.messages[0].startswith("u: ") and "of 500 quantities" in d.messages[0]
    # 4 % a little apart
    slightly = good.copy()
    slightly[0, :, :20] += 0.25
    assert not check(made(a=good[..., 0], u=slightly), ["a"], many=["u"]).ok
    # an inclusion probability that is always 1
    some_constant = good.copy()
    some_constant[..., :50] = 1.0
    assert check(made(a=good[..., 0], u=some_constant), ["a"], many=["u"]).ok


def test_the_verdict_in_a_notebook(rng):
    bad = check(made(a=rng.normal(size=(4, 300)), divergent=2), ["a"])
    assert (
        "Does not pass" in bad._repr_html_()
        and "2 of 1,200 transitions diverged" in bad._repr_html_()
    )


def test_frozen_eight_schools_pass(eight_schools):
    d = check(eight_schools, ["mu"], many=["theta"])
    assert d.ok, d.messages
