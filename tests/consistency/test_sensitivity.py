"What flags and parameters owe to the priors."

import pandas as pd
import pytest

from schoolvar.consistency.fit import fit_consistency
from schoolvar.consistency.sensitivity import flag_stability
from schoolvar.data.scores import read_scores
from schoolvar.data.simulate import simulate_scores
from schoolvar.sampling.fit import FitError

SHORT = dict(draws=250, rounds=1)


@pytest.fixture(scope="module")
def fit():
    simulated = simulate_scores(
        n_schools=60, students=50, sd_scale=0.35, share_unusual=0.2, seed=13
    )
    return fit_consistency(read_scores(simulated.frame), sampler=SHORT)


def test_fits_under_other_priors_are_those_of_the_fit(fit):
    table = fit.sensitivity("priors", grid=(0.1, 0.5), sampler=SHORT)
    assert list(table) == ["school", "prior", "pip", "pip_mcse", "effect", "sd"]
    wide = table.pivot(index="school", columns="prior", values="pip")
    # the fit's own prior, seed and formulas: the same draws
    assert wide[0.5].to_numpy() == pytest.approx(fit.schools.pip.to_numpy(), abs=1e-12)
    assert (wide[0.5] > wide[0.1]).mean() > 0.9


def test_the_data_decide_the_intercepts(fit):
    scaled = fit.sensitivity().set_index("parameter")
    assert (scaled.loc[["location_intercept", "scale_intercept"], "prior"] < 0.05).all()
    assert (scaled.likelihood > 0.01).all()
    with pytest.raises(FitError, match="'power' or 'priors'"):
        fit.sensitivity("data")


def test_flags_that_stand_whatever_the_prior():
    table = pd.DataFrame(dict(school=["a", "b", "c"] * 2, prior=[0.1] * 3 + [0.5] * 3)).assign(
        pip=[0.9, 0.5, 0.1, 0.95, 0.8, 0.4]
    )
    found = flag_stability(table)
    assert found.school.tolist() == ["a", "b"] and found.flagged_at.tolist() == [2, 1]
    assert found.always.tolist() == [True, False] and found.least.tolist() == [0.9, 0.5]
