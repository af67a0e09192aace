"Which program runs, and what is refused."

import numpy as np
import pytest

from schoolvar.consistency.fit import fit_consistency
from schoolvar.core.errors import DataError
from schoolvar.data.scores import read_scores
from schoolvar.data.simulate import simulate_scores


def frame_of(n, J, seed, **k):
    return simulate_scores(n_schools=J, sizes=[n] * J, seed=seed, **k).frame


def test_what_is_refused():
    scores = read_scores(
        frame_of(10, 10, 1).assign(x=np.arange(100.0), z=1.0, w=2.0), covariates=["x"]
    )
    slopes = "x + (x | school_id)"
    with pytest.raises(ValueError, match="at most 3"):
        fit_consistency(
            scores,
            location=slopes,
            scale=slopes,
            select=("location_intercept", "location[x]", "scale_intercept", "scale[x]"),
        )
    with pytest.raises(ValueError, match="no effect of schools"):
        fit_consistency(scores, location="x", select=("scale[x]",))
    with pytest.raises(ValueError, match="'normal' or 'student'"):
        fit_consistency(scores, likelihood="cauchy")
    with pytest.raises(ValueError, match="between 0.5 and 1"):
        fit_consistency(scores, threshold=0.3)
    with pytest.raises(ValueError, match="between 0 and 1"):
        fit_consistency(scores, prior_inclusion=0)
    with pytest.raises(DataError, match="was not read"):
        fit_consistency(scores, location="income")
    with pytest.raises(DataError, match="read the scores with covariates"):
        fit_consistency(read_scores(frame_of(10, 10, 1)), location="x")
    with pytest.raises(DataError, match="told apart"):
        fit_consistency(scores, location="x + I(x * 2)")
    with pytest.raises(DataError, match="between schools only"):
        fit_consistency(scores, location="(1 | x)")


def test_school_level_covariates_use_the_sufficient_statistics():
    frame = frame_of(20, 60, 17)
    size = {s: float(k % 7) for k, s in enumerate(frame.school_id.unique())}
    scores = read_scores(frame.assign(size=frame.school_id.map(size)), covariates=["size"])
    fit = fit_consistency(scores, location="size", scale="center(size)")
    assert fit.manifest["run"]["program"] == "consistency_schools" and "location[size]" in set(
        fit.parameters.parameter
    )
    assert fit.ok
