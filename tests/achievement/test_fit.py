"""The achievement ladder.

The posterior is the textbook's, any counts are served, and the tables keep their contract."""

import numpy as np
import pandas as pd
import pytest
import textbook

from schoolvar.achievement.design import design, prepare
from schoolvar.achievement.fit import fit_achievement
from schoolvar.achievement.ladder import EXTENSIONS, LEVELS, MODELS
from schoolvar.achievement.posterior import variance_shares, variance_table
from schoolvar.achievement.whitening import moments, stan_data
from schoolvar.core.errors import DataError
from schoolvar.core.logits import sd_coordinate
from schoolvar.data.counts import read_counts
from schoolvar.data.simulate import simulate_counts
from schoolvar.sampling.converge import sample_until_converged, sampler_plan
from schoolvar.sampling.engine import sample

SCHOOLS = [
    "school",
    "district",
    "n_trials",
    "raw",
    "estimate",
    "estimate_lower",
    "estimate_upper",
    "effect",
    "effect_lower",
    "effect_upper",
    "rank_lower",
    "rank_upper",
]
VARIANCE = [
    "component",
    "variance",
    "q2.5",
    "q97.5",
    "share_full",
    "share_full_lower",
    "share_full_upper",
    "share_latent",
    "share_latent_lower",
    "share_latent_upper",
]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    "A cache of this module's own, so that every run samples"
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SCHOOLVAR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def counts():
    return read_counts(
        simulate_counts(
            40,
            years=(2023, 2024),
            subjects=("Math", "Reading"),
            sd_school=0.6,
            sd_cohort=0.35,
            sd_subject=0.25,
            students=30,
            seed=11,
        ).frame
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", ["M1", "M2", "M3"])
def test_posterior_is_the_textbooks(model, counts):
    """Whitened and plain programs agree within Monte Carlo error, in population parameters and
    school effects."""
    levels = LEVELS[model]
    plain = sample(
        *textbook.achievement(prepare(counts, model)[1], model),
        seed=3,
        warmup=500,
        draws=1500,
        metric="diag_e",
        step_size=0.5,
        adapt_delta=0.9,
        keep=["fixed", "effect", *(f"sd_{k}" for k in levels)],
    )
    ours = fit_achievement(counts, model=model, sampler=dict(draws=1000), seed=4)
    assert ours.ok
    got = ours.idata.posterior
    for name, of in [(f"sd_{k}", f"sd_{k}") for k in levels] + [
        ("fixed", "fixed"),
        ("school", "effect"),
    ]:
        x, y = got[name].values.reshape(4000, -1), plain.posterior[of].values.reshape(6000, -1)
        # cautious effective numbers of draws
        error = np.sqrt(x.var(0) / 800 + y.var(0) / 400)
        assert np.abs(x.mean(0) - y.mean(0)).max() < 4.5 * error.max(), name
        assert np.abs(np.log(x.std(0) / y.std(0))).max() < 0.2, name


def test_recovers_known_truth_and_keeps_the_contract(counts, tmp_path):
    fit = fit_achievement(counts, model="M3")
    assert fit.ok and fit.manifest["diagnostics"]["ess_bulk_min"] >= 400
    assert list(fit.parameters.parameter[:3]) == [
        "sd_school",
        "sd_cohort",
        "sd_subject",
    ] and "cell[2024:Math]" in set(fit.parameters.parameter)
    assert list(fit.schools.columns[:12]) == SCHOOLS and len(fit.schools) == 40
    v = variance_shares(fit)
    assert list(v.columns[:10]) == VARIANCE and list(v.component) == [
        "school",
        "cohort",
        "subject",
        "binomial",
    ]
    assert (
        v.share_full.sum() == pytest.approx(1)
        and v.share_latent.sum() == pytest.approx(1)
        and v.variance.iloc[-1] == pytest.approx(np.pi**2 / 3)
    )
    assert (
        fit.schools.rank_lower.ge(1).all()
        and fit.schools.rank_upper.le(40).all()
        and fit.schools.estimate.between(
            fit.schools.estimate_lower, fit.schools.estimate_upper
        ).all()
    )
    fit.save(tmp_path / "fit")
    assert {
        "variance.csv",
        "cells.csv",
        "schools.csv",
        "parameters.csv",
        "manifest.json",
        "fit.nc",
    } <= {p.name for p in (tmp_path / "fit").iterdir()}
    assert set(fit.manifest["timings"]) >= {"read", "compile", "sampling", "total"}


def test_rows_in_any_order_give_the_same_fit(counts):
    shuffled = counts.frame.sample(frac=1, random_state=1)
    a, b = stan_data(design(counts.frame), LEVELS["M3"]), stan_data(design(shuffled), LEVELS["M3"])
    assert all(np.array_equal(a[k], b[k]) for k in a)


def unbalanced(rng):
    "Missing cells, schools seen once, one student, all or none successful"
    f = simulate_counts(30, years=(2021, 2022, 2024), students=25, seed=5).frame
    f = f[rng.random(len(f)) < 0.6].copy()
    first = f.school_id.unique()[:4]
    f.loc[f.school_id == first[0], "y_success"] = f.loc[f.school_id == first[0], "n_trials"]
    f.loc[f.school_id == first[1], "y_success"] = 0
    f.loc[f.school_id == first[2], ["n_trials", "y_success"]] = 1
    return pd.concat([f[f.school_id != first[3]], f[f.school_id == first[3]].iloc[:1]])


@pytest.mark.parametrize("model", ["M0", "M1", "M2", "M3"])
def test_unbalanced_counts(model):
    f = unbalanced(np.random.default_rng(2))
    fit = fit_achievement(read_counts(f), model=model)
    assert fit.ok, fit.verdict
    assert (
        len(fit.schools) == f.school_id.nunique()
        and np.isfinite(fit.schools.select_dtypes("number")).all().all()
    )
    all_passed = fit.schools.set_index("school").loc[f.school_id.unique()[0]]
    assert all_passed.raw == 1 and (model == "M0" or all_passed.estimate < 1)


@pytest.mark.parametrize(
    "level, students, subject", [(0.0, 10, 0.03), (3.5, 30, 0.1), (-3.5, 30, 0.1), (0.0, 400, 0.33)]
)
def test_coordinates_serve_extremes(level, students, subject):
    """Shares near 0 and 1, ten students and four hundred, subject SD .03 and .33.

    The gate passes by the second round, without a divergence."""
    s = simulate_counts(
        60,
        years=(2023, 2024),
        subjects=("Math", "Reading"),
        cells=np.full((2, 2), level),
        students=students,
        spread=0.2,
        sd_school=0.6,
        sd_cohort=0.3,
        sd_subject=subject,
        seed=7,
    )
    fit = fit_achievement(read_counts(s.frame), model="M3", sampler=dict(rounds=2))
    assert fit.ok, fit.verdict
    for k in ("sd_school", "sd_cohort", "sd_subject"):
        p = fit.parameter(k)
        assert p["mean"] - 4 * p["sd"] < s.parameters[k] < p["mean"] + 4 * p["sd"], k


def test_no_cohort_variance_is_no_trouble():
    s = simulate_counts(80, years=(2022, 2023, 2024), sd_cohort=0.0, sd_subject=0.0, seed=8)
    fit = fit_achievement(read_counts(s.frame), model="M3", sampler=dict(rounds=2))
    assert fit.ok and fit.manifest["diagnostics"]["divergences"] == 0
    assert fit.parameter("sd_cohort")["q97.5"] < 0.2


def test_one_row_a_school():
    "M1 is identified by the binomial; M2 and M3 say that they are not, and what to fit."
    f = simulate_counts(
        80,
        years=(2024,),
        subjects=("Math",),
        sd_school=0.6,
        sd_cohort=0.0,
        sd_subject=0.0,
        students=40,
        seed=9,
    ).frame
    fit = fit_achievement(read_counts(f), model="M1")
    assert fit.ok and fit.parameter("sd_school")["q2.5"] < 0.6 < fit.parameter("sd_school")["q97.5"]
    for model in ("M2", "M3"):
        with pytest.raises(DataError, match="fit M1 instead"):
            fit_achievement(read_counts(f), model=model)


def test_errors_that_a_user_can_act_on(counts):
    with pytest.raises(DataError, match="no model 'M9'"):
        fit_achievement(counts, model="M9")
    with pytest.raises(DataError, match="no extension"):
        fit_achievement(counts, model="M1", overdispersion="row")
    with pytest.raises(DataError, match="district"):
        fit_achievement(counts, model="M2", districts=True)
    with pytest.raises(DataError, match="positive"):
        fit_achievement(counts, model="M2", priors=dict(sd=-1))
    two = pd.concat([counts.frame, counts.frame.assign(grade=6)])
    with pytest.raises(DataError, match="choose one of 3, 6"):
        fit_achievement(read_counts(two), model="M2")
    assert set(EXTENSIONS) == {"district", "row", "betabinomial"} and list(MODELS) == [
        "M0",
        "M1",
        "M2",
        "M3",
    ]


def test_runs_get_longer_until_there_are_enough_draws(counts):
    fit = fit_achievement(counts, model="M1", sampler=dict(draws=60, rounds=6))
    rounds = fit.manifest["settings"]["rounds"]
    assert fit.ok and rounds > 1 and fit.idata.posterior.sizes["draw"] == 60 * 2 ** (rounds - 1)
    short = fit_achievement(counts, model="M1", sampler=dict(draws=60, rounds=1))
    assert not short.ok and "should not be relied on" in short.verdict


@pytest.mark.parametrize("overdispersion, parameter", [("row", "sd_row"), ("betabinomial", "rho")])
def test_checks_of_the_ladder_find_nothing_where_there_is_nothing(
    overdispersion, parameter, counts
):
    fit = fit_achievement(counts, model="M3", overdispersion=overdispersion)
    assert fit.ok, fit.verdict
    assert fit.parameter(parameter)["q2.5"] < (0.1 if overdispersion == "row" else 0.005)


def test_districts_have_their_share():
    rng = np.random.default_rng(1)
    s = simulate_counts(
        120,
        years=(2023, 2024),
        school_effects=(e := np.repeat(rng.normal(0, 0.6, 24), 5)) + rng.normal(0, 0.3, 120),
        sd_cohort=0.2,
        sd_subject=0.0,
        students=60,
        seed=3,
    )
    f = s.frame.assign(
        district_id=lambda t: "d" + (t.school_id.str[-4:].astype(int).sub(1) // 5).astype(str)
    )
    fit = fit_achievement(read_counts(f), model="M2", districts=True)
    assert fit.ok, fit.verdict
    for k, truth in (("sd_district", e.std()), ("sd_school", 0.3)):
        assert fit.parameter(k)["q2.5"] < truth < fit.parameter(k)["q97.5"], k
    assert fit.tables["variance"].component.tolist() == ["district", "school", "cohort", "binomial"]


def test_a_slope_is_found_in_its_own_unit():
    rng = np.random.default_rng(4)
    x = rng.normal(50, 10, 120)
    s = simulate_counts(
        120,
        years=(2023, 2024),
        school_effects=0.04 * (x - 50) + rng.normal(0, 0.3, 120),
        sd_cohort=0.2,
        sd_subject=0.0,
        seed=5,
    )
    table = pd.DataFrame(dict(school_id=s.truth.school, income=x))
    fit = fit_achievement(read_counts(s.frame), model="M2", covariates=table, formula="income")
    p = fit.parameter("slope[income]")
    assert fit.ok and p["q2.5"] < 0.04 < p["q97.5"] and p["sd"] < 0.01
    assert fit.parameter("sd_school")["q97.5"] < 0.45


def test_moments_and_plans():
    d = design(
        simulate_counts(
            400, sd_school=0.6, sd_cohort=0.3, sd_subject=0.3, students=60, seed=2
        ).frame
    )
    # a sample of schools differs from their population, too
    for k, (v, error) in moments(d).items():
        assert abs(v - {"school": 0.36, "cohort": 0.09, "subject": 0.09}[k]) < 8 * error, k
    assert sd_coordinate(0.0, np.inf)["unit"] > 0
    plans = [sampler_plan(n) for n in (20, 500, 13_000, 200_000)]
    assert all(0.7 <= p["adapt_delta"] <= 0.97 and p["max_treedepth"] <= 8 for p in plans)


def test_variance_table_is_from_joint_draws():
    "Shares are means of ratios, not ratios of means."
    v = variance_table(dict(school=np.array([1.0, 3.0]), cohort=np.array([1.0, 1.0])))
    assert v.share_latent[0] == pytest.approx((1 / 2 + 3 / 4) / 2) and v.component.tolist() == [
        "school",
        "cohort",
        "binomial",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "model, expected", [("M2", dict(sd_school=(0.989, 0.02), sd_cohort=(0.233, 0.01)))]
)
def test_pennsylvania(model, expected, shared_data):
    "Grade 3, 2017-2019: what maximum likelihood gives (lme4), for all 1,643 schools."
    counts = read_counts(shared_data / "pssa_counts.csv.gz", grade=3, years=[2017, 2018, 2019])
    fit = fit_achievement(counts, model=model, sampler=dict(draws=200))
    assert len(fit.schools) == 1643 and fit.manifest["diagnostics"]["ess_bulk_min"] >= 400
    for k, (value, within) in expected.items():
        assert abs(fit.parameter(k)["mean"] - value) < within, k


@pytest.mark.slow
def test_pennsylvania_m3(shared_data):
    counts = read_counts(shared_data / "pssa_counts.csv.gz", grade=3, years=[2017, 2018, 2019])
    fit = fit_achievement(counts, model="M3", sampler=dict(draws=150))
    assert fit.ok and len(fit.schools) == 1643
    for k, value, within in (
        ("sd_school", 0.987, 0.02),
        ("sd_cohort", 0.234, 0.01),
        ("sd_subject", 0.138, 0.012),
    ):
        assert abs(fit.parameter(k)["mean"] - value) < within, k
    assert fit.tables["variance"].component.tolist() == ["school", "cohort", "subject", "binomial"]


@pytest.mark.slow
def test_new_york_with_its_eras_apart(shared_data):
    """Cut scores changed in 2010 and 2013.

    The years of one era are fitted together, and each has cells of its own."""
    counts = read_counts(shared_data / "nyc_counts.csv.gz", grade=3, years=[2013, 2014, 2015, 2016])
    fit = fit_achievement(counts, model="M3")
    assert fit.ok and {f"cell[{y}:{s}]" for y in range(2013, 2017) for s in ("ELA", "Math")} <= set(
        fit.parameters.parameter
    )


def test_draws_that_do_not_converge_name_what_fails():
    data = dict(y=3)
    program = "data {int y;} parameters {real<lower=0,upper=1> p;} model {y ~ binomial(10, p);}"
    idata, verdict = sample_until_converged(
        program,
        data,
        ["p"],
        sampler=dict(rounds=2, draws=50, warmup=100, adapt_delta=0.8, cache=False),
    )
    assert idata.attrs["rounds"] == 2 and not verdict.ok and verdict.messages
