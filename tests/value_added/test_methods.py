"The programs against their plain densities."

import numpy as np
import pytest
from scipy import stats

from schoolvar.data.counts import read_counts
from schoolvar.data.simulate import simulate_two_grades
from schoolvar.sampling.engine import sample
from schoolvar.value_added.grades import prepare_two_grades
from schoolvar.value_added.methods import METHODS, method_inputs, sample_method
from schoolvar.value_added.quality import quality_table


def plain_density(inputs, d):
    "Log density of the model on paper, up to a constant, for one draw of every variable."
    data = inputs["data"]
    joint, me = "y_e" in data, "measured" in data

    def half_t(*sds):
        return sum(stats.t.logpdf(s, 3, scale=2.5) for s in sds)

    lp = (
        stats.norm.logpdf(d["cell_later"], 0, 2.5).sum()
        + stats.norm.logpdf(d["slope"], 0, 2.0)
        + half_t(d["sd_value_added"], d["sd_cohort_later"])
    )
    lp += (
        stats.norm.logpdf(d["value_added"], 0, d["sd_value_added"]).sum()
        + stats.norm.logpdf(d["cohort_later"], 0, d["sd_cohort_later"]).sum()
    )
    quality = d["earlier_quality"] if joint or me else data["quality"]
    effect = d["slope"] * quality[: data["K"]] + d["value_added"]
    grades = [("l", d["cell_later"], effect, d["cohort_later"])]
    if joint:
        lp += stats.norm.logpdf(d["cell_earlier"], 0, 2.5).sum() + half_t(
            d["sd_school"], d["sd_cohort_earlier"]
        )
        lp += (
            stats.norm.logpdf(quality, 0, d["sd_school"]).sum()
            + stats.norm.logpdf(d["cohort_earlier"], 0, d["sd_cohort_earlier"]).sum()
        )
        grades.append(("e", d["cell_earlier"], quality, d["cohort_earlier"]))
    if me:
        lp += half_t(d["sd_quality"]) + stats.norm.logpdf(d["mean_quality"], 0, 2.5)
        lp += (
            stats.norm.logpdf(quality, d["mean_quality"], d["sd_quality"]).sum()
            + stats.norm.logpdf(data["measured"], quality, data["measured_sd"]).sum()
        )
    for g, cell, school, cohort in grades:
        eta = (
            cell[data[f"cell_{g}"] - 1]
            + (school[data[f"school_{g}"] - 1] + cohort)[data[f"cohort_{g}"] - 1]
        )
        lp += stats.binom.logpmf(data[f"y_{g}"], data[f"n_{g}"], 1 / (1 + np.exp(-eta))).sum()
    return lp


def log_jacobian(inputs, d):
    """Log determinant of the map from the sampler's coordinates

    It is triangular: SDs, then effects given all before them."""
    data, s = inputs["data"], np.abs(d["s"])
    joint, me = "y_e" in data, "measured" in data
    value, cohort_l = (1, 3) if joint else (0, 1)
    lj = np.log(np.cosh(d["t"])).sum()

    def sums(x, schools, K):
        return np.bincount(schools - 1, x, K)

    def scale(sd, p):
        return (np.log(sd) - 0.5 * np.log1p(sd**2 * p)).sum()

    R = sums(1 / (s[cohort_l] ** 2 + 1 / data["precision_l"]), data["school_l"], data["K"])
    lj += scale(s[value], R) + scale(s[cohort_l], data["precision_l"])
    through = d["slope"] ** 2 * R / (1 + s[value] ** 2 * R)
    if joint:
        P = sums(1 / (s[2] ** 2 + 1 / data["precision_e"]), data["school_e"], data["J"])
        P[: data["K"]] += through
        lj += scale(s[0], P) + scale(s[2], data["precision_e"])
    if me:
        lj += scale(s[2], 1 / data["measured_sd"] ** 2 + through)
    return lj


@pytest.mark.parametrize("method", METHODS)
def test_whitened_program_is_the_plain_model(method):
    """Whatever the coordinates, the target is the same posterior

    Its log density is that on paper, draw by draw, up to one constant."""
    s = simulate_two_grades(
        9, students=(5, 30), years=(2021, 2022), subjects=("Math", "Reading"), seed=3
    )
    frame = s.frame[
        ~((s.frame.school_id == "SIM-0009") & (s.frame.grade == 6))
        & ~((s.frame.school_id == "SIM-0002") & (s.frame.year == 2022))
    ]
    two = prepare_two_grades(read_counts(frame))
    rng = np.random.default_rng(1)
    quality = quality_table(
        rng.normal(0, 0.5, (1, 9)) + rng.normal(0, 0.3, (50, 9)), two.schools, 3
    )
    inputs = method_inputs(method, two, quality) | dict(keep=None)
    idata = sample(**inputs, chains=1, warmup=20, draws=25, cache=False)
    draws = [
        {v: idata.posterior[v].values[0, i].astype(float) for v in idata.posterior.data_vars}
        for i in range(25)
    ]
    stan = idata.sample_stats["lp"].values[0]
    gap = np.array(
        [
            lp - plain_density(inputs, d) - log_jacobian(inputs, d)
            for lp, d in zip(stan, draws, strict=True)
        ]
    )
    assert np.ptp(stan) > 3
    assert np.ptp(gap) < 1e-6


def test_programs_are_formatted_alike():
    """Each program is the one before plus terms

    The joint one holds the naive one's later grade, and both share functions with the ladder."""
    from schoolvar.sampling.programs import stan_file

    joint, naive = (stan_file(f"value_added_{m}").read_text() for m in ("joint", "naive"))
    arguments = "successes_l, trials_l, cell_later[cell_l] + group_l[cohort_l]"
    later = f"target += binomial_logit_kernel({arguments});"
    for line in (
        later,
        "#include functions/whitened.stanfunctions",
        "#include functions/school_sums.stanfunctions",
    ):
        assert line in joint and line in naive
    ladder = stan_file("achievement").read_text()
    assert (
        "#include functions/whitened.stanfunctions" in ladder
        and "#include functions/binomial.stanfunctions" in ladder
    )


def test_naive_takes_quality_as_known(simulated, fit):
    two = prepare_two_grades(read_counts(simulated[0]))
    quality = fit.tables["earlier_quality"]
    idata = sample_method("naive", two, quality, chains=2, draws=200)
    post = idata.posterior
    known = quality.set_index("school_id").g3_school_re.loc[two.both].to_numpy()
    assert np.allclose(
        post.later_effect.values,
        post.slope.values[:, :, None] * known + post.value_added.values,
        atol=1e-4,
    )
