"Settings of the sampler travel as one dictionary, and what is wrong with it is one line."

import pytest

from schoolvar.sampling.converge import (
    DEFAULTS,
    SETTINGS,
    sample_until_converged,
    sampler_plan,
    sampler_settings,
)
from schoolvar.sampling.programs import EngineError

NORMAL = "parameters { real z; } model { z ~ std_normal(); }"


def test_given_before_the_model_s_before_the_package_s():
    asked = sampler_settings(dict(draws=7, warmup=None), dict(draws=5, warmup=3))
    assert asked == DEFAULTS | dict(draws=7, warmup=3)
    assert set(asked) == set(SETTINGS) and set(sampler_plan(100)) <= set(SETTINGS)


@pytest.mark.parametrize(
    "given, line",
    [
        (
            dict(drawz=7),
            "sampler has no setting 'drawz' \\(did you mean draws\\?\\); settings: chains, ",
        ),
        (dict(seed=7), "sampler has no setting 'seed'; seed= is an argument of its own; settings"),
        (dict(chains=2.5), "chains is 2.5; it must be a whole number"),
        (dict(rounds=True), "rounds is True; it must be a whole number"),
        (dict(adapt_delta=1), "adapt_delta is 1; it must lie between 0 and 1"),
        (dict(step_size=-1.0), "step_size is -1.0; it must be above 0"),
        (dict(metric="dense"), "metric is 'dense'; it must be one of unit_e, diag_e, dense_e"),
        ([4], r"sampler is \[4\]; it must be a dictionary"),
    ],
)
def test_what_is_wrong_is_one_line(given, line):
    with pytest.raises(EngineError, match=line) as told:
        sampler_settings(given)
    assert "\n" not in str(told.value)


def test_wrong_settings_are_told_before_anything_is_drawn():
    with pytest.raises(EngineError, match="draws is 0; it must be 1 or more"):
        sample_until_converged(NORMAL, {}, ["z"], sampler=dict(draws=0, cache=False))


def test_a_run_that_falls_short_is_made_again_with_twice_the_draws():
    idata, verdict = sample_until_converged(
        NORMAL, {}, ["z"], sampler=dict(draws=60, rounds=5, cache=False), seed=3
    )
    again = idata.attrs["rounds"]
    assert verdict.ok and again > 1 and idata.posterior.sizes["draw"] == 60 * 2 ** (again - 1)
