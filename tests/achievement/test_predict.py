"What a fit expects of new rows: intervals hold, and what cannot be predicted is said."

import numpy as np
import pandas as pd
import pytest

from schoolvar.achievement.fit import fit_achievement
from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts
from schoolvar.data.simulate import simulate_counts
from schoolvar.sampling.fit import FitError, load_fit


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SCHOOLVAR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def frame():
    return simulate_counts(90, sd_school=0.6, sd_cohort=0.4, sd_subject=0.2, seed=3).frame


@pytest.mark.parametrize("model", ["M0", "M2", "M3"])
def test_intervals_hold_what_was_left_out(frame, model):
    """Of rows that the fit has not seen, 95 in 100 lie in their intervals.

    Of its schools, and of new ones."""
    new_school = frame.school_id.isin(sorted(frame.school_id.unique())[:30])
    unseen = new_school | (np.arange(len(frame)) % 6 == 0)
    fit = fit_achievement(read_counts(frame[~unseen]), model=model)
    told = fit.predict(frame[unseen], seed=2)
    share = (frame.y_success / frame.n_trials)[unseen].to_numpy()
    inside = (told.lower <= share) & (share <= told.upper)
    assert told.known.tolist() == (~new_school[unseen]).tolist()
    for known in (True, False):
        assert 0.9 < inside[told.known == known].mean() <= 1
    width = (told.share_upper - told.share_lower).groupby(told.known).mean()
    assert width[False] > 1.2 * width[True]


def test_the_same_seed_gives_the_same_numbers(frame):
    fit = fit_achievement(read_counts(frame), model="M2")
    a, b, c = (fit.predict(frame.head(20), seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(a, b)
    assert not a.equals(c) and a.share.between(0, 1).all()


def test_students_of_a_row_who_are_alike_spread_wider(frame):
    alike = fit_achievement(read_counts(frame), model="M3", overdispersion="betabinomial")
    assert alike.predict(frame.head(5)).known.all()


def test_what_cannot_be_predicted_is_said(frame):
    fit = fit_achievement(read_counts(frame), model="M2")
    with pytest.raises(DataError, match="the fit has no cell 1999:.*; it has 20"):
        fit.predict(frame.head(3).assign(year=1999))
    with pytest.raises(DataError, match="column school_id"):
        fit.predict(frame.drop(columns="school_id"))
    with pytest.raises(DataError, match="need a year and a subject"):
        fit.predict(frame[["school_id"]])
    with pytest.raises(DataError, match="no school 99 in the fit"):
        fit.draws(schools=[99])


def test_covariates_are_needed_again(frame, tmp_path):
    schools = sorted(frame.school_id.unique())
    table = pd.DataFrame(dict(school_id=schools, ses=np.linspace(-1, 1, len(schools))))
    counts = read_counts(frame)
    fit = fit_achievement(counts, model="M1", covariates=table)
    new = pd.DataFrame(dict(school_id=["new", "new"], ses=[-1.0, 1.0]))
    eta = np.log(fit.predict(new, draws=2000).share / (1 - fit.predict(new, draws=2000).share))
    assert eta[1] - eta[0] == pytest.approx(2 * fit.parameter("slope[ses]")["mean"], abs=0.15)
    fit.save(tmp_path / "fit")
    back = load_fit(tmp_path / "fit", data=counts)
    with pytest.raises(FitError, match="without its covariates"):
        back.predict(new)
    back.covariates = table
    pd.testing.assert_frame_equal(back.predict(new), fit.predict(new))
