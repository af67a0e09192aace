"Predictive checks, power scaling, samples and eras."

import pandas as pd
import pytest

from schoolvar.achievement.checks import (
    overdispersion_ppc,
    population_sensitivity,
    ppc,
    prior_ppc,
)
from schoolvar.achievement.fit import fit_achievement
from schoolvar.achievement.posterior import fitted_design
from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts, sample_schools, split_eras
from schoolvar.data.simulate import simulate_counts


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SCHOOLVAR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def counts():
    f = simulate_counts(50, sd_school=0.6, sd_cohort=0.4, sd_subject=0.0, students=40, seed=6).frame
    return read_counts(f.assign(district_id=f.school_id.str[-1]))


def test_bands_hold_for_the_right_model_and_not_for_the_wrong_one(counts):
    right, wrong = (fit_achievement(counts, model=m, pointwise=True) for m in ("M2", "M1"))
    d, other = fitted_design(right, counts), fitted_design(wrong, counts)
    a, b = ppc(right, d), ppc(wrong, other)
    assert (a.inside - a.level).abs().max() < 0.07 and (b.inside < b.lower).all()
    scatter = [overdispersion_ppc(wrong, other)["p"], overdispersion_ppc(right, d)["p"]]
    assert scatter[0] < 0.01 < scatter[1] < 0.99
    pd.testing.assert_frame_equal(right.ppc(), a)
    with pytest.raises(DataError, match="pointwise=True"):
        fit_achievement(counts, model="M2").ppc()


def test_power_scaling_finds_a_prior_with_an_opinion(counts):
    weak, strong = (
        population_sensitivity(fit_achievement(counts, model="M1", priors=p)).set_index("parameter")
        for p in (None, dict(sd=0.005))
    )
    assert weak.prior["sd_school"] < 0.05 and strong.prior["sd_school"] > weak.prior["sd_school"]
    assert strong.diagnosis["sd_school"] == "moves with its prior"


def test_what_priors_make_is_wide_and_follows_its_scales(counts):
    wide, tight = (
        prior_ppc(counts, "M3", draws=100, priors=p).sd_schools.median()
        for p in (None, dict(sd=0.1))
    )
    assert wide > 2 * tight


def test_a_sample_keeps_whole_schools_and_proportions(counts):
    few = sample_schools(counts, 10, strata="district_id", seed=3)
    assert (
        few.frame.groupby("district_id").school_id.nunique().between(0, 2).all()
        and len(few.schools) == 10
    )
    merged = few.frame.merge(counts.frame)
    assert len(merged) == len(few.frame) == 90
    assert (
        few.source["rows_kept"] == 90
        and sample_schools(counts, 10, seed=3).schools == sample_schools(counts, 10, seed=3).schools
    )
    with pytest.raises(DataError, match="no column region"):
        sample_schools(counts, 10, strata="region")


def test_eras_share_no_year(counts):
    eras = split_eras(counts, (2023,))
    assert list(eras) == ["2022", "2023-2024"] and sum(len(c.frame) for c in eras.values()) == len(
        counts.frame
    )
    assert not set(eras["2022"].years) & set(eras["2023-2024"].years)
