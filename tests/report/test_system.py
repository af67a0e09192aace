"The cheap bounds enclose the truth."

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from provinces import BY, fast, policies, provinces, table

from schoolvar.report.sums import add_up
from schoolvar.report.system import propagate, system_of


@fast
@given(provinces, policies, st.randoms())
def test_bounds_hold_the_truth(counts, policy, random):
    entries, sums = add_up(table(counts), BY)
    hidden = np.array([random.random() < 0.4 for _ in sums.n])
    enclosed = propagate(system_of(sums, hidden, np.zeros(len(hidden), int), policy))
    for ends, truth in zip(enclosed, (sums.n, sums.y, sums.n - sums.y), strict=False):
        assert (ends[0] <= truth).all() and (truth <= ends[1]).all()
