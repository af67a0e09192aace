"""The programs are what they were.

Log densities and gradients at stored points, kept from before they were made one and formatted.
"""

import numpy as np
import pytest
from densities import CASES, FROZEN, evaluate, model_of


@pytest.fixture(scope="module")
def frozen():
    return dict(np.load(FROZEN))


def test_every_case_is_frozen(frozen):
    assert {k.rsplit("|", 1)[0] for k in frozen} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_the_density_is_what_it_was(case, frozen):
    "Up to a constant, at points about the centre, with the gradient"
    lp, gradient = evaluate(model_of(case), frozen[f"{case}|at"])
    assert np.ptp(frozen[f"{case}|lp"]) > 0.5
    np.testing.assert_allclose(
        lp - lp[0], frozen[f"{case}|lp"] - frozen[f"{case}|lp"][0], rtol=1e-9, atol=1e-8
    )
    np.testing.assert_allclose(gradient, frozen[f"{case}|gradient"], rtol=1e-7, atol=1e-7)
