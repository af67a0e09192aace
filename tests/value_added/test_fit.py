"Fits of two grades: known truth, files, choices, and input that cannot be used."

import json

import numpy as np
import pandas as pd
import pytest

from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts
from schoolvar.sampling.fit import FitError, load_fit
from schoolvar.sampling.programs import EngineError
from schoolvar.value_added.fit import PLOTS, ValueAddedFit, fit_value_added
from schoolvar.value_added.grades import ECOLOGICAL_LIMIT


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
    """A school with the earlier grade only learns nothing from the later one

    Both models give it the same quality, within Monte Carlo error. Schools with both grades are
    moved by their later results, and their uncertainty is the smaller for it."""
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


def test_notes_say_what_value_added_is_not(fit):
    notes = " ".join(fit.manifest["notes"])
    assert (
        ECOLOGICAL_LIMIT in notes
        and "8 schools with grade 3 only" in notes
        and "4 schools with grade 6 only: left out" in notes
    )
    assert fit.tables["coverage"].schools.tolist() == [88, 8, 4]
    assert any("grade 6 only" in d["reason"] for d in fit.manifest["rows"]["dropped"])


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


def test_other_grades_and_years_by_me_alone(simulated):
    frame = simulated[0].assign(grade=simulated[0].grade.map({3: 4, 6: 8}))
    frame = frame.assign(year=frame.year + 3 * (frame.grade == 8))
    f = fit_value_added(
        read_counts(frame),
        from_grade=4,
        to_grade=8,
        method="me",
        compare_methods=False,
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


def test_pennsylvania_in_part(shared_data):
    "Every fifth school with both grades; benchmarks/bench_value_added.py times the whole state."
    counts = read_counts(shared_data / "pssa_counts.csv.gz", grade=[3, 6], years=[2017, 2018, 2019])
    grades = counts.frame.groupby("school_id").grade.nunique()
    keep = sorted(grades[grades == 2].index)[::5]
    f = fit_value_added(counts.frame[counts.frame.school_id.isin(keep)], compare_methods=False)
    assert f.ok, f.manifest["diagnostics"]
    assert len(f.schools) == len(keep) > 100
    assert 0.7 < f.parameter("slope")["mean"] < 1.3 and f.parameter("sd_value_added")["q2.5"] > 0.1
    assert np.corrcoef(f.schools.earlier_quality, f.schools.later_effect)[0, 1] > 0.7


# What a fit can be asked


def test_a_read_fit_knows_its_family_and_what_it_lacks(folder, fit, simulated):
    bare = load_fit(folder)
    assert type(bare) is ValueAddedFit is type(fit)
    said = fit.summary()
    assert said[0].startswith("88 schools with grades 3 and 6") and said[-2] == ECOLOGICAL_LIMIT
    assert "The other methods' slopes" in said[3]
    for ask in (bare.ppc, bare.sensitivity, lambda: bare.sensitivity("priors")):
        with pytest.raises(FitError, match=r"load_fit\(folder, data=counts\)$"):
            ask()
    whole = load_fit(folder, data=read_counts(simulated[0]))
    pd.testing.assert_frame_equal(whole.ppc(draws=50), fit.ppc(draws=50))
    with pytest.raises(FitError, match="tables\\['slopes'\\]"):
        fit.loo()


def test_every_chart_can_be_drawn(fit):
    for kind in (None, *PLOTS):
        assert fit.plot(kind).to_dict()["$schema"]
    with pytest.raises(FitError, match="there is no chart 'pie'; there are: quality"):
        fit.plot("pie")


def test_wrong_settings_are_told_before_the_fit(simulated):
    counts = read_counts(simulated[0])
    with pytest.raises(EngineError, match="sampler has no setting 'thin'"):
        fit_value_added(counts, sampler=dict(thin=2))
    with pytest.raises(ValueError, match="no prior is called slope; there are: prior_cell"):
        fit_value_added(counts, priors=dict(slope=1.0))
