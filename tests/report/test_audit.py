"The attack finds what trying every whole number finds."

from itertools import product

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from schoolvar.report.audit import attack
from schoolvar.report.disclosure import DisclosurePolicy
from schoolvar.report.sums import add_up
from schoolvar.report.system import system_of


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(
    st.lists(
        st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
        min_size=4,
        max_size=4,
    ),
    st.integers(1, 15),
)
@example([(1, 0)] * 4, 15)  # with groups of none there would be other ways
@example([(2, 0), (1, 0), (1, 0), (2, 0)], 15)  # two values each
def test_intervals_are_those_of_trying_everything(cells, mask):
    "Two schools by two years, some hidden: every way to fill them in, one by one."
    hidden = np.r_[[bool(mask >> k & 1) for k in range(4)], [False] * 4]
    _, sums = add_up(
        pd.DataFrame(
            [("s" + str(k // 2), k % 2, n, y) for k, (n, y) in enumerate(cells)],
            columns=["school", "year", "n_trials", "y_success"],
        ),
        [["school"], ["year"]],
    )

    def fits(truth, least):
        open_ = [
            range(least, int(truth.max()) + 1) if h else [int(t)]
            for h, t in zip(hidden[:4], truth[:4], strict=False)
        ]
        return [
            np.array(x)
            for x in product(*open_)
            if all(
                sum(x[m] for m in sums.members(line)) == truth[sums.total[line]]
                for line in range(4)
            )
        ]

    every = np.array(
        [(n, y, n - y) for n in fits(sums.n, 1) for y in fits(sums.y, 0) if (y <= n).all()]
    )
    length = np.ptp(every, axis=0) + 1
    for keep in (2, 3, 4):
        found = attack(
            system_of(sums, hidden, np.zeros(8, int), DisclosurePolicy("x", 10)), hidden, keep
        )
        assert {(int(e), int(w)) for e, w in zip(found.entry, found.what, strict=False)} == {
            (e, w) for e in np.flatnonzero(hidden) for w in range(3)
        }
        assert {(int(found.entry[k]), int(found.what[k])) for k in found.narrow} == {
            (e, w) for e in np.flatnonzero(hidden) for w in range(3) if length[w, e] < keep
        }
