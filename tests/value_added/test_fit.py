"Value added: the programs against their plain densities, known truth, files, and input that cannot be used."

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts
from schoolvar.data.simulate import simulate_two_grades
from schoolvar.sampling.engine import sample
from schoolvar.sampling.fit import load_fit
from schoolvar.value_added.bins import EDGES, equal_bins, raw_points, threshold_bins
from schoolvar.value_added.fit import (
    ECOLOGICAL_LIMIT,
    METHODS,
    SCHOOL_COLUMNS,
    fit_value_added,
    method_inputs,
    prepare_two_grades,
    quality_table,
    sample_method,
)
from schoolvar.value_added.whitening import PRIORS, grade_of, joint_data


@pytest.fixture(scope="module")
def simulated():
    "100 schools; eight have the earlier grade only and four the later only."
    s = simulate_two_grades(100, students=(15, 40), subjects=("Math", "Reading"), seed=5)
    ids = list(s.truth.school)
    f = s.frame
    frame = f[
        ~(f.school_id.isin(ids[:8]) & (f.grade == 6))
        & ~(f.school_id.isin(ids[8:12]) & (f.grade == 3))
    ].reset_index(drop=True)
    frame["district"] = "District " + frame.school_id.str[-1]
    return frame, s


@pytest.fixture(scope="module")
def fit(simulated):
    return fit_value_added(read_counts(simulated[0]))


# The programs


def plain_density(inputs, d):
    "Log density of the model as written on paper, up to a constant, for one draw of every variable."
    data = inputs["data"]
    joint, me = "y_e" in data, "measured" in data
    half_t = lambda *sds: sum(stats.t.logpdf(s, 3, scale=2.5) for s in sds)
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
    "Log determinant of the map from the sampler's coordinates, which is triangular: SDs, then effects given all before them."
    data, s = inputs["data"], np.abs(d["s"])
    joint, me = "y_e" in data, "measured" in data
    value, cohort_l = (1, 3) if joint else (0, 1)
    lj = np.log(np.cosh(d["t"])).sum()
    sums = lambda x, schools, K: np.bincount(schools - 1, x, K)
    R = sums(1 / (s[cohort_l] ** 2 + 1 / data["precision_l"]), data["school_l"], data["K"])
    scale = lambda sd, p: (np.log(sd) - 0.5 * np.log1p(sd**2 * p)).sum()
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
    "Whatever the coordinates, the target is the same posterior: its log density, draw by draw, up to one constant."
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
        [lp - plain_density(inputs, d) - log_jacobian(inputs, d) for lp, d in zip(stan, draws)]
    )
    assert np.ptp(stan) > 3
    assert np.ptp(gap) < 1e-6


def test_programs_are_formatted_alike():
    "Each program is the one before plus terms: the joint program holds every line of the naive one's later grade, and both share functions with the ladder."
    from schoolvar.sampling.programs import stan_file

    joint, naive = (stan_file(f"value_added_{m}").read_text() for m in ("joint", "naive"))
    later = "target += binomial_logit_kernel(successes_l, trials_l, cell_later[cell_l] + group_l[cohort_l]);"
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


# Known truth


def test_fit_passes_and_finds_the_slope(fit):
    assert fit.ok, fit.manifest["diagnostics"]
    slope = fit.parameter("slope")
    assert slope["q2.5"] < 0.8 < slope["q97.5"]
    by = fit.tables["slopes"].set_index("method")
    assert list(by.index) == ["joint", "me", "naive"] and by.loc["joint", "mean"] == pytest.approx(
        slope["mean"]
    )
    # it over-corrects
    assert by.loc["me", "mean"] > by.loc[["joint", "naive"], "mean"].max() + 0.05
    assert by.loc["joint", "sd"] > by.loc["naive", "sd"]


def test_value_added_follows_the_truth(fit, simulated):
    truth = simulated[1].truth.set_index("school").loc[fit.schools.school]
    t = fit.schools
    assert np.corrcoef(t.value_added, truth.value_added)[0, 1] > 0.6
    inside = (
        (t.value_added_lower <= truth.value_added.to_numpy())
        & (truth.value_added.to_numpy() <= t.value_added_upper)
    ).mean()
    assert 0.86 < inside <= 1
    quality = (
        (t.earlier_quality_lower <= truth.earlier_quality.to_numpy())
        & (truth.earlier_quality.to_numpy() <= t.earlier_quality_upper)
    ).mean()
    assert 0.86 < quality <= 1


def test_stage_one_and_joint_agree_where_they_should(fit):
    """A school with the earlier grade only learns nothing from the later one: both models give it the same quality, within Monte Carlo error.

    Schools with both grades are moved by their later results, and their uncertainty is the smaller for it."""
    stage1 = fit.tables["earlier_quality"].set_index("school_id")
    joint = fit.idata.posterior.earlier_quality.values.reshape(
        -1, fit.idata.posterior.sizes["earlier_school"]
    )
    ids = list(fit.idata.posterior.earlier_school.values)
    mean, sd = pd.Series(joint.mean(0), ids), pd.Series(joint.std(0), ids)
    only = [i for i in ids if i not in set(fit.schools.school)]
    assert len(only) == 8
    # both fits have 400 effective draws or more
    error = 4 * stage1.g3_re_sd[only] * np.sqrt(2 / 400)
    # .02: the population parameters learn from the later grade
    assert (np.abs(mean[only] - stage1.g3_school_re[only]) < error + 0.02).all()
    both = list(fit.schools.school)
    assert sd[both].mean() < stage1.g3_re_sd[both].mean()
    assert (
        np.abs(mean[both] - stage1.g3_school_re[both]).max()
        > np.abs(mean[only] - stage1.g3_school_re[only]).max()
    )


def test_later_effect_is_slope_times_quality_plus_value_added(fit):
    post = fit.idata.posterior
    both = post.earlier_quality.values[:, :, : len(fit.schools)]
    expected = post.slope.values[:, :, None] * both + post.value_added.values
    assert np.allclose(expected, post.later_effect.values, atol=1e-4)


def test_columns_and_bins(fit):
    t = fit.schools
    assert list(t.columns[:7]) == [
        "school",
        "district",
        "value_added",
        "value_added_lower",
        "value_added_upper",
        "earlier_quality",
        "earlier_quality_sd",
    ]
    assert set(SCHOOL_COLUMNS) <= set(t.columns)
    assert (t.district == "District " + t.school.str[-1]).all()
    assert np.allclose(t.filter(regex="^quintile_").sum(axis=1), 1) and np.allclose(
        t.filter(regex="^tertile_").sum(axis=1), 1
    )
    assert np.allclose(t.filter(regex="^tertile_").sum(), len(t) / 3, atol=1)
    assert (
        t[["probability_above", "probability_raw_bin"]].apply(lambda c: c.between(0, 1)).all().all()
    )
    assert (
        t.rank_lower.between(1, len(t)).all()
        and (t.rank_lower <= t.rank_upper).all()
        and t.correlation.between(-1, 1).all()
    )
    best = t.loc[t.value_added.idxmax()]
    assert best.tertile_3 > 0.6 and best.rank_lower < 10
    bins = fit.tables["bins"]
    for kind, k in (("achievement quintile", 5), ("value-added tertile", 3)):
        b = bins[bins.kind == kind]
        assert len(b) == 5 * k and b.schools.sum() == pytest.approx(len(t))


def test_variance_components(fit):
    v = fit.tables["variance"].set_index(["grade", "component"])
    assert list(v.index) == [
        (3, "school"),
        (3, "cohort"),
        (6, "explained by earlier quality"),
        (6, "value added"),
        (6, "cohort"),
    ]
    assert np.allclose(v.groupby(level=0).share_latent.sum(), 1)
    assert v.loc[(3, "school"), "q2.5"] < 0.65**2 < v.loc[(3, "school"), "q97.5"]


def test_notes_say_what_value_added_is_not(fit):
    notes = " ".join(fit.manifest["notes"])
    assert (
        ECOLOGICAL_LIMIT in notes
        and "8 schools with grade 3 only" in notes
        and "4 schools with grade 6 only: left out" in notes
    )
    assert fit.tables["coverage"].schools.tolist() == [88, 8, 4]
    assert any("grade 6 only" in d["reason"] for d in fit.manifest["rows"]["dropped"])


# Files


@pytest.fixture(scope="module")
def folder(fit, tmp_path_factory):
    out = tmp_path_factory.mktemp("fits") / "value_added"
    fit.save(out)
    return out


def test_folder_is_read_back(folder, fit):
    again = load_fit(folder)
    pd.testing.assert_series_equal(again.schools.value_added, fit.schools.value_added, rtol=1e-5)
    assert {
        "schools.csv",
        "parameters.csv",
        "manifest.json",
        "fit.nc",
        "variance.csv",
        "slopes.csv",
        "slope_draws.csv",
        "eligibility.csv",
        "bins.csv",
        "g3_school_quality.parquet",
        "g3_school_quality_draws.parquet",
    } <= {p.name for p in folder.iterdir()}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (
        {"read", "compile", "sampling", "total"} <= set(manifest["timings"])
        and manifest["settings"]["method"] == "joint"
        and manifest["priors"]["slope"] == "normal(0, 2)"
    )


def test_parquet_says_what_it_holds(folder, simulated):
    import pyarrow.parquet as pq

    schema = pq.read_schema(folder / "g3_school_quality.parquet")
    assert schema.names == ["school_id", "g3_school_re", "g3_re_sd"]
    meta = {k.decode(): v.decode() for k, v in schema.metadata.items()}
    assert (
        meta["units"] == "logit"
        and meta["model"].startswith("M2")
        and meta["grade"] == "3"
        and meta["schools"] == "96"
        and len(meta["data_sha256"]) == 64
    )
    table = pd.read_parquet(folder / "g3_school_quality.parquet")
    assert len(table) == 96 and table.school_id.is_unique and (table.g3_re_sd > 0).all()
    draws = (
        pd.read_parquet(folder / "g3_school_quality_draws.parquet")
        .set_index("school_id")
        .g3_school_re_draws
    )
    assert np.allclose(
        [x.mean() for x in draws.loc[table.school_id]], table.g3_school_re, atol=1e-5
    )
    assert np.allclose(
        [x.std(ddof=1) for x in draws.loc[table.school_id]], table.g3_re_sd, atol=1e-5
    )
    assert len({len(x) for x in draws}) == 1 == len({meta["draws"], str(len(draws.iloc[0]))})


def test_parquet_in_polars(folder):
    pl = pytest.importorskip("polars")
    table = pl.read_parquet(folder / "g3_school_quality.parquet")
    ours = pd.read_parquet(folder / "g3_school_quality.parquet")
    assert (
        table.columns == list(ours.columns)
        and table["school_id"].to_list() == list(ours.school_id)
        and np.array_equal(table["g3_school_re"].to_numpy(), ours.g3_school_re)
    )
    draws = pl.read_parquet(folder / "g3_school_quality_draws.parquet")
    assert draws["g3_school_re_draws"].list.mean().to_numpy() == pytest.approx(
        ours.g3_school_re.to_numpy(), abs=1e-5
    )


def test_parquet_in_duckdb(folder):
    duckdb = pytest.importorskip("duckdb")
    n, mean = duckdb.sql(
        f"select count(*), avg(g3_school_re) from '{folder / 'g3_school_quality.parquet'}'"
    ).fetchall()[0]
    ours = pd.read_parquet(folder / "g3_school_quality.parquet")
    assert n == len(ours) and mean == pytest.approx(ours.g3_school_re.mean())
    meta = dict(
        duckdb.sql(
            f"select decode(key), decode(value) from parquet_kv_metadata('{folder / 'g3_school_quality.parquet'}')"
        ).fetchall()
    )
    assert meta["units"] == "logit" and "data_sha256" in meta


# Choices


def test_other_grades_and_years_by_me_alone(simulated):
    frame = simulated[0].assign(grade=simulated[0].grade.map({3: 4, 6: 8}))
    frame = frame.assign(year=frame.year + 3 * (frame.grade == 8))
    f = fit_value_added(
        read_counts(frame),
        from_grade=4,
        to_grade=8,
        method="me",
        beside=False,
        from_years=[2022, 2023],
        to_years=[2025, 2026, 2027],
        keep_draws=False,
    )
    assert list(f.tables["slopes"].method) == ["me"] and set(f.files) == {
        "g4_school_quality.parquet"
    }
    assert f.manifest["settings"]["years"] == {"4": [2022, 2023], "8": [2025, 2026, 2027]}
    assert {"cell[8:2025:Math]", "sd_quality", "mean_quality"} <= set(f.parameters.parameter)
    assert list(f.tables["variance"].component) == [
        "explained by earlier quality",
        "value added",
        "cohort",
    ]


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


# Input that cannot be used


@pytest.mark.parametrize(
    "change, said",
    [
        (dict(to_grade=7), "there is no grade 7; found: 3, 6"),
        (dict(to_grade=3), "both 3; choose two"),
        (dict(years=[2022]), r"grade 3 \(earlier\) has one year only \(2022\)"),
        (dict(to_years=[2023]), r"grade 6 \(later\) has one year only \(2023\)"),
        (dict(years=[2030]), "there is no year 2030"),
        (dict(method="both"), "choose one of joint, me, naive"),
    ],
)
def test_wrong_choices_end_in_one_line(simulated, change, said):
    with pytest.raises(DataError, match=said) as e:
        fit_value_added(read_counts(simulated[0]), **change)
    assert "\n" not in str(e.value)


def test_no_common_schools(simulated):
    f = simulated[0]
    first = f.school_id < "SIM-0050"
    with pytest.raises(
        DataError,
        match=r"no school has eligible results in both grade 3 and grade 6 \(.* with grade 3 only, .* with grade 6 only\)",
    ):
        fit_value_added(read_counts(f[first == (f.grade == 3)]))


def test_every_school_in_one_year_only(simulated):
    f = simulated[0]
    odd = f.school_id.str[-1].astype(int) % 2
    with pytest.raises(DataError, match="no school has grade 3 .* in two years"):
        prepare_two_grades(read_counts(f[(f.grade == 6) | (f.year == 2022 + odd)]))


def test_a_school_in_two_districts(simulated):
    f = simulated[0].assign(district_id="01")
    f.loc[(f.school_id == "SIM-0020") & (f.subject == "Math"), "district_id"] = "02"
    with pytest.raises(DataError, match="SIM-0020 is in 2 districts"):
        fit_value_added(f.drop(columns="district"))


def test_a_school_that_moved_is_shown_where_it_is_now(simulated):
    f = simulated[0].assign(district="Old")
    f.loc[f.year == 2024, "district"] = "New"
    two = prepare_two_grades(f)
    assert any("changed district" in n for n in two.notes)


def test_nobody_is_eligible(simulated):
    with pytest.raises(DataError, match="no school is eligible in grade 3"):
        prepare_two_grades(simulated[0].assign(participation=0.3))


# Bins


def test_equal_bins_have_equal_size():
    draws = np.random.default_rng(1).normal(size=(50, 23))
    bins = equal_bins(draws, 5)
    sizes = np.apply_along_axis(np.bincount, 1, bins, minlength=6)[:, 1:]
    assert (sizes.max(axis=1) - sizes.min(axis=1) <= 1).all()
    i = int(draws[0].argmax())
    assert bins[0, i] == 5 and bins[0, int(draws[0].argmin())] == 1


def test_threshold_bins_are_symmetric():
    x = np.linspace(-30, 30, 121)
    assert (threshold_bins(x) + threshold_bins(-x) == 6).all()
    assert threshold_bins(np.array(EDGES)).tolist() == [2, 3, 3, 4]


def test_raw_points_compare_like_with_like():
    "A school tested only in a hard year is compared with that year."
    rows = [("A", 1, 100, 40), ("B", 1, 100, 40), ("B", 2, 100, 80), ("C", 2, 100, 80)]
    t = raw_points(
        pd.DataFrame(rows, columns=["school_id", "year", "n_trials", "y_success"]).assign(
            subject="Math"
        )
    )
    assert np.allclose(t.points, 0) and t.raw.tolist() == [0.4, 0.6, 0.8]


# Coordinates


def test_coordinates_have_unit_scale(fit, simulated):
    "The sampler meets standard deviations near one: that is what makes it quick."
    two = prepare_two_grades(read_counts(simulated[0]))
    data = joint_data(grade_of(two.earlier, two.schools), grade_of(two.later, two.both), PRIORS)
    slope = fit.idata.posterior.slope.values
    assert 0.5 < slope.std() / data["slope_by"] < 2
    assert abs(slope.mean() - data["slope_at"]) / data["slope_by"] < 4
    for i, name in enumerate(
        ("sd_school", "sd_value_added", "sd_cohort_earlier", "sd_cohort_later")
    ):
        t = np.arcsinh(fit.idata.posterior[name].values / data["sd_unit"][i])
        assert 0.4 < t.std() / data["sd_by"][i] < 2.5, name


# The real thing


def test_pennsylvania_in_part(shared_data):
    "Every fifth school with both grades, 2017 to 2019; the whole state is timed in benchmarks/bench_value_added.py."
    counts = read_counts(shared_data / "pssa_counts.csv.gz", grade=[3, 6], years=[2017, 2018, 2019])
    grades = counts.frame.groupby("school_id").grade.nunique()
    keep = sorted(grades[grades == 2].index)[::5]
    f = fit_value_added(counts.frame[counts.frame.school_id.isin(keep)], beside=False)
    assert f.ok, f.manifest["diagnostics"]
    assert len(f.schools) == len(keep) > 100
    assert 0.7 < f.parameter("slope")["mean"] < 1.3 and f.parameter("sd_value_added")["q2.5"] > 0.1
    assert np.corrcoef(f.schools.earlier_quality, f.schools.later_effect)[0, 1] > 0.7
