"Tables for the tests of what is withheld: random ones, and how to attack them."

import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from schoolvar.report.audit import attack
from schoolvar.report.disclosure import DisclosurePolicy
from schoolvar.report.system import system_of

BY = [["district", "school"], ["district", "year"], ["district"], ["year"], []]


def table(counts):
    "Cells of schools (two a district) by years from a list of lists of (n, y)."
    return pd.DataFrame(
        [
            (f"d{s // 2}", f"s{s}", t, n, y)
            for s, years in enumerate(counts)
            for t, (n, y) in enumerate(years)
            if n
        ],
        columns=["district", "school", "year", "n_trials", "y_success"],
    )


def narrow(sums, hidden, code, policy):
    "Entries of which an attacker has fewer values than the policy keeps."
    found = attack(system_of(sums, hidden, code, policy), hidden | (code != 0), policy.keep)
    return sorted(set(found.entry[found.narrow]))


pairs = st.integers(0, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
provinces = (
    st.integers(1, 3)
    .flatmap(
        lambda years: st.lists(
            st.lists(pairs, min_size=years, max_size=years), min_size=2, max_size=7
        )
    )
    .filter(lambda c: sum(n > 0 for s in c for n, _ in s) >= 2)
)
policies = st.sampled_from(
    [
        DisclosurePolicy.named("us"),
        DisclosurePolicy.named("eqao"),
        DisclosurePolicy("custom", 25, 0.9),
        DisclosurePolicy("custom", 5),
    ]
)
fast = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
