"Policies: what they promise, and what is wrong with one that makes no sense."

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schoolvar.report.disclosure import DisclosurePolicy, PolicyError, distinct_students


@given(st.integers(1, 400))
def test_a_limit_leaves_several_counts_possible(n):
    limit = float(DisclosurePolicy.named("us").limit(n))
    assert limit <= 0.95 and (
        sum(y >= limit * n for y in range(n + 1)) >= min(3, n) or limit == 0.5
    )


def test_students_are_counted_once_a_year():
    cells = pd.DataFrame(
        [("s", 1, "R", 9), ("s", 1, "M", 8), ("s", 2, "R", 7)],
        columns=["school", "year", "subject", "n_trials"],
    )
    assert distinct_students(cells, ["school"])["s"] == 16


def test_policies_say_what_is_wrong():
    with pytest.raises(PolicyError, match="choose one of"):
        DisclosurePolicy.named("gdpr")
    with pytest.raises(PolicyError, match="whole number"):
        DisclosurePolicy("x", 2.5)
