"What is withheld stays withheld: properties of protected tables, and attacks on them."

import numpy as np
import pandas as pd
from hypothesis import given
from provinces import BY, fast, narrow, policies, provinces, table

from schoolvar.report.audit import attack
from schoolvar.report.disclosure import DisclosurePolicy
from schoolvar.report.protection import complement, only_limits, protect
from schoolvar.report.sums import add_up
from schoolvar.report.system import system_of


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


@fast
@given(provinces)
def test_nothing_is_withheld_without_need(counts):
    entries, sums = add_up(table(counts), BY)
    assert (protect(sums, DisclosurePolicy.named("none")).state == "").all()
    if (sums.students >= 10).all():
        assert (protect(sums, DisclosurePolicy("custom", 10)).state == "").all()


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
    "Two hidden schools of three are six: still to be withheld. If all six succeed, each one did."
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
    "Three values are promised: 38, 39 and 40 of 40. Beside the total two limits leave two each."
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
    "Under `eqao` at most two numbers below the standard were possible: nearly everyone succeeded."
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
