"A school or a student left out."

import numpy as np
import pandas as pd
import pytest

from schoolvar.consistency.fit import fit_consistency
from schoolvar.consistency.loo import loo, sampled_school_likelihood
from schoolvar.data.scores import read_scores
from schoolvar.data.simulate import simulate_scores

SHORT = dict(chains=2, draws=150, rounds=1)


def frame_of(n, J, seed, **k):
    return simulate_scores(n_schools=J, sizes=[n] * J, seed=seed, **k).frame


@pytest.mark.parametrize(
    "options",
    [
        dict(location="x + (x | school_id)", select=("scale_intercept", "location[x]")),
        dict(likelihood="student", location="x"),
    ],
)
def test_a_school_left_out_where_slopes_differ_or_tails_are_heavy(options):
    "The integral over a school's effects has settled: eight times the points give the same."
    rng = np.random.default_rng(4)
    frame = frame_of(20, 51, 18).assign(x=lambda f: rng.standard_normal(len(f)))
    slopes = pd.Series(rng.normal(0.3, 0.3, 51), index=frame.school_id.unique())
    scores = read_scores(
        frame.assign(score=frame.score + frame.school_id.map(slopes) * frame.x), covariates=["x"]
    )
    fit = fit_consistency(scores, sampler=SHORT, **options)
    few, many = (
        np.logaddexp.reduce(sampled_school_likelihood(fit, scores, 20, nodes)) - np.log(20)
        for nodes in (256, 2048)
    )
    # log predictive densities, far within their standard errors
    assert np.abs(few - many).max() < 0.05 and abs((few - many).mean()) < 0.005
    table = loo(fit, scores, draws=200)
    assert (
        len(table) == 51 and np.isfinite(table.elpd).all() and (table.pareto_k < 0.7).mean() > 0.9
    )
    if "student" not in options.values():
        plain = fit_consistency(scores, location="x", sampler=SHORT)
        # the slopes do differ
        assert table.elpd.sum() > loo(plain, scores, draws=200).elpd.sum() + 10
