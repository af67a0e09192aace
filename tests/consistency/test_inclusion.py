"Verdicts and false alarms from probabilities alone."

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schoolvar.consistency.inclusion import (
    TYPICAL,
    UNKNOWN,
    UNUSUAL,
    bayes_factor,
    borderline,
    false_discovery_rate,
    flag_at_rate,
    verdicts,
)

pips = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(pips, st.floats(0.51, 0.99))
def test_every_school_has_one_state(p, threshold):
    v = verdicts(p, threshold)
    assert set(v) <= {UNUSUAL, TYPICAL, UNKNOWN}
    assert ((np.array(p) >= threshold) == (v == UNUSUAL)).all()


@given(pips, st.floats(0.01, 0.9))
def test_a_set_chosen_at_a_rate_keeps_it_and_is_the_largest(p, rate):
    p = np.array(p)
    chosen = flag_at_rate(p, rate)
    assert false_discovery_rate(p, chosen) <= rate + 1e-12
    if (~chosen).any():
        more = chosen.copy()
        more[np.flatnonzero(~chosen)[np.argmax(p[~chosen])]] = True
        assert false_discovery_rate(p, more) > rate - 1e-12
        assert not chosen.any() or p[chosen].min() >= p[~chosen].max()


def test_a_higher_rate_flags_no_fewer():
    p = np.random.default_rng(1).beta(0.6, 0.6, 200)
    counts = [flag_at_rate(p, r).sum() for r in (0.01, 0.05, 0.1, 0.2, 0.4)]
    assert counts == sorted(counts) and counts[0] < counts[-1]


def test_evidence_is_relative_to_the_prior():
    assert bayes_factor(0.5, 0.5) == pytest.approx(1) and bayes_factor(0.1, 0.1) == pytest.approx(1)
    assert bayes_factor(0.75, 0.25) == pytest.approx(9)
    assert np.isinf(bayes_factor(1.0, 0.5))


def test_borderline_is_two_monte_carlo_errors():
    assert borderline([0.752, 0.758, 0.25, 0.5], 0.002).tolist() == [True, False, True, False]
    assert not borderline([0.8], [0.0], 0.75)[0]


@pytest.mark.parametrize("threshold", [0.7, 0.75, 0.8, 0.9, 0.95])
def test_a_school_at_either_end_has_a_verdict_at_any_threshold(threshold):
    "In floating point 1 - .8 is a little less than .2, which would be no verdict."
    assert verdicts([threshold, round(1 - threshold, 2)], threshold).tolist() == [UNUSUAL, TYPICAL]
