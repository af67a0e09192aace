"What is withheld stays withheld: properties of policies, and attacks on what they let through."

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schoolvar.report.audit import attack, propagate
from schoolvar.report.system import system_of
from schoolvar.report.disclosure import DisclosurePolicy, PolicyError, distinct_students
from schoolvar.report.protection import complement, only_limits, protect
from schoolvar.report.sums import add_up

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


@fast
@given(provinces, policies)
def test_protected_tables_withstand_the_audit(counts, policy):
    entries, sums = add_up(table(counts), BY)
    done = protect(sums, policy)
    small = sums.students < policy.min_n
    assert (done.state[small] == "c").all(), "a small group is shown"
    assert not narrow(sums, done.state != "", done.limit, policy)
    assert (complement(sums, done.state != "", policy) == (done.state != "")).all(), (
        "not a fixed point"
    )


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
def test_intervals_are_those_of_trying_everything(cells, mask):
    "Two schools by two years, some hidden: every way to fill in results and successes that fits the totals, one by one."
    from itertools import product

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
            for h, t in zip(hidden[:4], truth[:4])
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
        assert {(int(e), int(w)) for e, w in zip(found.entry, found.what)} == {
            (e, w) for e in np.flatnonzero(hidden) for w in range(3)
        }
        assert {(int(found.entry[k]), int(found.what[k])) for k in found.narrow} == {
            (e, w) for e in np.flatnonzero(hidden) for w in range(3) if length[w, e] < keep
        }


@fast
@given(provinces, policies, st.randoms())
def test_bounds_hold_the_truth(counts, policy, random):
    entries, sums = add_up(table(counts), BY)
    hidden = np.array([random.random() < 0.4 for _ in sums.n])
    enclosed = propagate(system_of(sums, hidden, np.zeros(len(hidden), int), policy))
    for ends, truth in zip(enclosed, (sums.n, sums.y, sums.n - sums.y)):
        assert (ends[0] <= truth).all() and (truth <= ends[1]).all()


@fast
@given(provinces)
def test_nothing_is_withheld_without_need(counts):
    entries, sums = add_up(table(counts), BY)
    assert (protect(sums, DisclosurePolicy.named("none")).state == "").all()
    if (sums.students >= 10).all():
        assert (protect(sums, DisclosurePolicy("custom", 10)).state == "").all()


@given(st.integers(1, 400))
def test_a_limit_leaves_several_counts_possible(n):
    limit = float(DisclosurePolicy.named("us").limit(n))
    assert limit <= 0.95 and (
        sum(y >= limit * n for y in range(n + 1)) >= min(3, n) or limit == 0.5
    )


def test_one_cell_takes_a_second_along():
    "The classic mistake: 18 of the school, 12 of one year, so 6 of the other."
    cells = pd.DataFrame(
        [("d", "s", 1, 12, 6), ("d", "s", 2, 6, 1), ("d", "t", 1, 40, 20), ("d", "t", 2, 41, 19)],
        columns=["district", "school", "year", "n_trials", "y_success"],
    )
    entries, sums = add_up(cells, BY)
    primary = sums.students < 10
    assert narrow(
        sums,
        primary,
        only_limits(sums, DisclosurePolicy.named("us")) * ~primary,
        DisclosurePolicy.named("us"),
    ) == list(np.flatnonzero(primary))
    assert (protect(sums, DisclosurePolicy.named("us")).state[:4] == "c").all()


def test_hidden_ones_together_must_be_many_and_mixed():
    "Two hidden schools of three students are six: still a group to withhold. And if all six succeed, each one did."
    for y, shown in (((1, 2), "small together"), ((30, 28), "all succeed")):
        n = (3, 4) if shown == "small together" else (30, 28)
        cells = pd.DataFrame(
            [("a", n[0], y[0]), ("b", n[1], y[1]), ("c", 50, 20), ("d", 70, 30)],
            columns=["school", "n_trials", "y_success"],
        )
        _, sums = add_up(cells, [[]])
        hidden = complement(
            sums, np.array([True, True, False, False, False]), DisclosurePolicy.named("us")
        )
        assert hidden[2], shown


def test_a_limit_that_totals_narrow_is_withheld():
    "Three values are promised: 38, 39 and 40 of 40. Beside the total one cell of two that are limited leaves two."
    us = DisclosurePolicy.named("us")
    cells = pd.DataFrame(
        [("a", 40, 40), ("b", 40, 39), ("c", 50, 20)], columns=["school", "n_trials", "y_success"]
    )
    _, sums = add_up(cells, [[]])
    code = only_limits(sums, us)
    assert list(code) == [1, 1, 0, 0]
    # 79 together: 39 or 40 each
    assert narrow(sums, np.zeros(4, bool), code, us) == [0, 1]
    assert (protect(sums, us).state == "c").sum() >= 2


def test_failing_counts_stay_open_too():
    "Under `eqao` hidden cells had at most two possible numbers below the standard: nearly everyone succeeded in what is left."
    eqao = DisclosurePolicy.named("eqao")
    cells = pd.DataFrame(
        [("a", 12, 11), ("b", 14, 14), ("c", 60, 30)], columns=["school", "n_trials", "y_success"]
    )
    _, sums = add_up(cells, [[]])
    first = np.array([True, True, False, False])
    found = attack(system_of(sums, first, np.zeros(4, int), eqao), first, eqao.keep)
    assert {int(w) for w in found.what[found.narrow]} == {2}, (
        "only those below the standard are narrow"
    )
    assert (protect(sums, eqao).state == "c").sum() > 2


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


def test_pennsylvania_is_protected_in_seconds(shared_data):
    "All districts, three years and two subjects, at the size of the real thing."
    counts = pd.read_csv(
        shared_data / "pssa_counts.csv.gz", dtype={"school_id": "str", "district_id": "str"}
    )
    counts = counts[(counts.grade == 3) & counts.year.isin([2017, 2018, 2019])]
    cells = counts.rename(columns={"school_id": "school", "district_id": "key"})[
        ["key", "school", "year", "subject", "n_trials", "y_success"]
    ]
    cells = cells[cells.groupby("school").key.transform("nunique") == 1]
    _, sums = add_up(
        cells, [["key", "school"], ["key", "year", "subject"], ["key"], ["year", "subject"], []]
    )
    policy = DisclosurePolicy("custom", 15, 0.95)
    done = protect(sums, policy)
    assert 0.0 < (done.state == "c").mean() < 0.12
    assert not narrow(sums, done.state != "", done.limit, policy)
