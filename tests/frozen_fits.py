"""Draws and fits from files, so that everything after sampling is tested without sampling.

    from frozen_fits import eight_schools, small_fit, consistency_fit, achievement_fit, ...

Then name them as arguments of a test.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FROZEN = Path(__file__).resolve().parent / "frozen"
EIGHT_SCHOOLS = dict(
    J=8,
    y=np.array([28.0, 8, -3, 7, -1, 1, 18, 12]),
    sigma=np.array([15.0, 10, 16, 11, 9, 11, 10, 18]),
)
# with leading zeros, which must survive
LABELS = ["001", "002", "003", "004", "005", "006", "007", "008"]


@pytest.fixture
def eight_schools():
    "Draws of the eight schools: mu, tau, theta[school], log_lik[school]; 4 chains of 400"
    from schoolvar.sampling.draws import load_draws

    return load_draws(FROZEN / "eight_schools.nc")


@pytest.fixture
def small_fit(eight_schools):
    "A `Fit` of the eight schools, with every kind of column"
    from schoolvar.sampling.diagnostics import check, parameters_table
    from schoolvar.sampling.fit import Fit, make_manifest

    theta = eight_schools.posterior["theta"].values.reshape(-1, 8)
    low, high = np.quantile(theta, (0.025, 0.975), axis=0)
    schools = pd.DataFrame(
        dict(
            school=LABELS,
            district=["North", "South"] * 4,
            n=[20 + j for j in range(8)],
            effect=theta.mean(0),
            effect_lower=low,
            effect_upper=high,
            small=[j < 2 for j in range(8)],
            verdict=["unusual"] + ["typical"] * 7,
        )
    )
    manifest = make_manifest(
        "eight schools",
        settings=dict(seed=8, sigma=EIGHT_SCHOOLS["sigma"]),
        priors=dict(mu="normal(0, 5)", tau="half-cauchy(0, 5)"),
        source=dict(path="eight.csv", sha256="0" * 64, rows_read=9, rows_kept=8),
        diagnostics=check(eight_schools, ["mu", "tau"], many=["theta"]),
        idata=eight_schools,
        kept=dict(rows=8, schools=8),
        dropped=pd.DataFrame(dict(reason=["no score"], rows=[1])),
        timings=dict(read=0.01),
        notes=["Made for tests."],
    )
    variance = pd.DataFrame(dict(component=["school", "binomial"], variance=[1.25, np.nan]))
    return Fit(
        "eight schools",
        parameters_table(eight_schools, ["mu", "tau"]),
        schools,
        eight_schools,
        manifest,
        {"variance": variance},
    )


def _frozen(name):
    from schoolvar.sampling.fit import Fit

    return Fit.load(FROZEN / name)


@pytest.fixture
def consistency_fit():
    """The default consistency fit of a simulated province of 24 schools.

    Its draws are thinned, its tables are of all of them
    """
    return _frozen("consistency")


@pytest.fixture
def achievement_fit():
    "M3 of grade 3 in the same province"
    return _frozen("achievement")


@pytest.fixture
def value_added_fit():
    "Joint value added from grade 3 to grade 6 in the same province"
    return _frozen("value_added")
