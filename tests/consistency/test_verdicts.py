"What is said of schools: on tables made by hand, without sampling."

import numpy as np
import pandas as pd
import pytest

from schoolvar.consistency.inclusion import (
    borderline,
    direction,
    ratio_words,
    verdicts,
)
from schoolvar.consistency.verdicts import flagged, school_draws, statements, summary
from schoolvar.sampling.fit import Fit


def table():
    pip = np.array([0.99, 0.93, 0.752, 0.5, 0.48, 0.2])
    effect = np.array([-0.3, 0.25, -0.1, 0.02, -0.01, 0.001])
    s = pd.DataFrame(
        dict(
            school=list("abcdef"),
            n=[90, 70, 40, 12, 1, 300],
            mean=0.0,
            sd=1.0,
            effect=effect,
            pip=pip,
            pip_mcse=0.002,
            direction=direction(effect),
            verdict=verdicts(pip),
            ratio=np.exp(effect),
            ratio_lower=np.exp(effect - 0.1),
            ratio_upper=np.exp(effect + 0.1),
        )
    )
    s["borderline"] = borderline(s.pip, s.pip_mcse)
    p = pd.DataFrame(
        {
            "parameter": ["scale_intercept", "sd_location"],
            "mean": [0.0, 0.3],
            "sd": 0.1,
            "q2.5": [-0.1, 0.2],
            "q97.5": [0.1, 0.45],
        }
    )
    return Fit(
        "consistency",
        p,
        s,
        None,
        dict(
            settings=dict(threshold=0.75),
            priors=dict(prior_inclusion="0.5"),
            diagnostics=dict(ok=True, verdict="The chains agree."),
        ),
    )


def test_flagged_schools_and_their_false_alarms():
    f = flagged(table())
    assert f.school.tolist() == ["a", "b", "c"] and f.attrs["expected_false"] == pytest.approx(
        (0.01 + 0.07 + 0.248) / 3
    )
    assert flagged(table(), rate=0.05).school.tolist() == ["a", "b"]


def test_words():
    s = statements(table())
    assert s["a"].startswith("Unusual, more consistent: students here vary 26 % less than typical")
    assert s["b"].startswith("Unusual, less consistent: students here vary 28 % more than typical")
    assert "within Monte Carlo error" in s["c"] and "1 student (" in s["e"]
    assert s["f"].startswith("Typical")
    assert ratio_words(0.82, 0.70, 0.95) == "students here vary 18 % less than typical [5, 30]"


def test_the_summary_counts():
    said = " ".join(summary(table()))
    for part in (
        "6 schools with 513 students",
        "3 are unusual (2 more consistent than typical, 1 less)",
        "1 are typical",
        "for 2 there is not enough data",
        "borderline",
        "deviation is 1 (95 % interval 0.905 to 1.11)",
        "means differ by 0.3 (SD; 0.2 to 0.45)",
        "Prior probability",
    ):
        assert part in said, part


def test_draws_in_tidy_form(consistency_fit):
    ids = consistency_fit.schools.school[:3].tolist()
    for quantity in ("effect", "sd", "mu"):
        drawn = school_draws(consistency_fit, quantity, ids, draws=50)
        assert list(drawn) == ["school", "draw", "value"] and len(drawn) == 150
        assert drawn.groupby("school").draw.max().eq(49).all()
    post = consistency_fit.idata.posterior["sd"].values.reshape(-1, len(consistency_fit.schools))
    assert set(drawn.school) == set(ids) and np.isfinite(post).all()
    with pytest.raises(ValueError, match="it must be 'effect', 'sd' or 'mu'"):
        school_draws(consistency_fit, "pip")
    with pytest.raises(ValueError, match="no school nowhere in the fit"):
        school_draws(consistency_fit, schools=["nowhere"])
