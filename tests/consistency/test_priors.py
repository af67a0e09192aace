"Priors in units of the score, and what is refused."

import numpy as np
import pytest

from schoolvar.consistency.priors import DEFAULTS, chosen_priors, inclusion_data, prior_scales


def test_scales_follow_the_unit_of_the_score():
    terms = {"Intercept": 0.0, "ses": 0.5}
    data, words = prior_scales(0.0, 1.0, terms, terms)
    hundred, _ = prior_scales(500.0, 100.0, terms, terms)
    for name in ("beta_scale", "tau_u_scale"):
        np.testing.assert_allclose(hundred[name], 100 * np.asarray(data[name]))
    for name in ("zeta_scale", "tau_t_scale", "lkj"):
        np.testing.assert_allclose(hundred[name], data[name])
    assert hundred["beta_mean"].tolist() == [500, 0] and words["location[ses]"] == "Normal(0, 5)"


def test_unknown_names_and_scales_that_are_none():
    assert chosen_priors(None) == DEFAULTS and chosen_priors(dict(lkj=2.0))["lkj"] == 2
    with pytest.raises(ValueError, match="no prior is called sd; there are: location_intercept"):
        chosen_priors(dict(sd=1.0))
    for bad in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="the scale of the prior scale must be positive"):
            chosen_priors(dict(scale=bad))


def test_the_prior_of_inclusion():
    assert inclusion_data(0.5, None, 90) == (
        dict(select=1, learn=0, pi_fixed=0.5, pi_a=1.0, pi_b=1.0),
        "0.5",
    )
    assert inclusion_data(1, None, 90)[0]["select"] == 0
    assert inclusion_data("learn", None, 90)[1] == "Beta(1, 1)"
    with pytest.raises(ValueError, match="is for prior_inclusion='learn'"):
        inclusion_data(0.5, 9, 90)
    with pytest.raises(ValueError, match="between 0 and the 90 schools"):
        inclusion_data("learn", 90, 90)
