"The logit-normal companion against statsmodels and against the truth."

import numpy as np
import pytest

from schoolvar.achievement.design import prepare
from schoolvar.achievement.frequentist import (
    components,
    fit_logit_normal,
    group_sums,
    methods_table,
    one_way,
    one_way_statsmodels,
    ranking_sentence,
    shares,
)
from schoolvar.data.counts import read_counts
from schoolvar.data.simulate import simulate_counts


@pytest.fixture(scope="module")
def counts():
    return read_counts(
        simulate_counts(
            60,
            years=(2023, 2024),
            sd_school=0.6,
            sd_cohort=0.4,
            sd_subject=0.2,
            students=80,
            seed=1,
        ).frame
    )


@pytest.mark.parametrize("group", ["school", "subject", "cohort"])
def test_sums_give_what_statsmodels_gives(group, counts):
    _, d, _ = prepare(counts, "M3")
    ours, theirs = (
        one_way(group_sums(d, getattr(d, group))),
        one_way_statsmodels(d, getattr(d, group)),
    )
    assert ours["variance"] == pytest.approx(theirs["variance"], rel=5e-3) and ours[
        "residual"
    ] == pytest.approx(theirs["residual"], rel=5e-3)
    assert ours["beta"] == pytest.approx(theirs["beta"], abs=2e-3)


def test_a_school_that_counts_twice_is_two_schools(counts):
    _, d, _ = prepare(counts, "M3")
    import pandas as pd

    from schoolvar.achievement.design import design

    twice = pd.concat(
        [
            counts.frame,
            counts.frame[counts.frame.school_id == d.schools[3]].assign(school_id="again"),
        ]
    )
    both = design(twice)
    a, b = (
        one_way(group_sums(d, d.cohort), np.where(np.arange(d.J) == 3, 2, 1)),
        one_way(group_sums(both, both.cohort)),
    )
    assert a["variance"] == pytest.approx(b["variance"], rel=2e-2)


def test_components_with_large_counts():
    "With 800 students a row the approximation is good, and subtraction finds the truth."
    s = simulate_counts(
        300,
        sd_school=0.6,
        sd_cohort=0.4,
        sd_subject=0.3,
        students=800,
        spread=0.1,
        cells=np.zeros((3, 3)),
        seed=2,
    )
    t = fit_logit_normal(read_counts(s.frame), bootstrap=50).table.set_index("component")
    # M1's school carries what its means leave of the others
    assert t.variance["school"] == pytest.approx(0.36 + 0.16 / 3 + 0.09 / 3, rel=0.25)
    assert t.loc["cohort", "variance"] > 0 and t.share_full.sum() == pytest.approx(1)
    assert (t["q2.5"] < t.variance).all() and (t.variance < t["q97.5"]).all()


def test_negative_difference_has_no_share():
    parts = components(
        dict(
            M1=dict(variance=0.4, residual=0.2),
            M1b=dict(variance=0.38, residual=0.2),
            M2=dict(variance=0.5, residual=0.1),
        )
    )
    assert parts["subject"] == pytest.approx(-0.02) and shares(parts)["subject"] == (0.0, 0.0)


def test_methods_side_by_side(counts, tmp_path, monkeypatch):
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(tmp_path))
    from schoolvar.achievement.fit import fit_achievement

    t = methods_table(fit_achievement(counts, model="M3"), fit_logit_normal(counts, bootstrap=20))
    assert (
        list(t.columns) == ["component", "method", "share", "lower", "upper", "variance"]
        and t.method.nunique() == 2
    )
    assert np.allclose(t.groupby("method").share.sum(), 1) and (
        "same order" in ranking_sentence(t) or "different orders" in ranking_sentence(t)
    )


def test_pennsylvania_puts_the_components_in_the_published_order(shared_data):
    "School before cohort before subject, on all schools, with intervals that keep them apart."
    counts = read_counts(shared_data / "pssa_counts.csv.gz", grade=3, years=[2017, 2018, 2019])
    t = fit_logit_normal(counts, bootstrap=40).table.set_index("component")
    assert (
        t.share_latent_lower["school"] > t.share_latent_upper["cohort"]
        and t.share_latent_lower["cohort"] > t.share_latent_upper["subject"]
    )
    assert t.share_full.sum() == pytest.approx(1)
