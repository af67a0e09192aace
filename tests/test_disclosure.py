"What is withheld stays withheld: properties of policies, and attacks on what they let through."
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from schoolvar.audit import attack, propagate, system_of
from schoolvar.disclosure import DisclosurePolicy, PolicyError, Sums, add_up, complement, distinct_students, only_limits, protect



def narrow(sums, hidden, code, policy):
    "Entries of which a withheld or limited count has fewer than `keep` possible values."
    found = attack(system_of(sums, hidden, code, policy), hidden | (code != 0), policy.keep)
    return sorted(set(found.entry[found.narrow]))


BY = [["district", "school"], ["district", "year"], ["district"], ["year"], []]


def table(counts):
    "Cells of schools (two a district) by years from a list of lists of (n, y)."
    return pd.DataFrame([(f"d{s // 2}", f"s{s}", t, n, y) for s, years in enumerate(counts) for t, (n, y) in enumerate(years) if n],
                        columns=["district", "school", "year", "n_trials", "y_success"])


pairs = st.integers(0, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
provinces = st.integers(1, 3).flatmap(lambda years: st.lists(st.lists(pairs, min_size=years, max_size=years), min_size=2, max_size=7)).filter(lambda c: sum(n > 0 for s in c for n, _ in s) >= 2)
policies = st.sampled_from([DisclosurePolicy.named("us"), DisclosurePolicy.named("eqao"), DisclosurePolicy("custom", 25, .9), DisclosurePolicy("custom", 5)])
fast = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@fast
@given(provinces, policies)
def test_protected_tables_withstand_the_audit(counts, policy):
    entries, sums = add_up(table(counts), BY)
    done = protect(sums, policy)
    small = sums.students < policy.min_n
    assert (done.state[small] == "c").all(), "a small group is shown"
    assert not narrow(sums, done.state != "", done.limit, policy)
    assert (complement(sums, done.state != "", policy) == (done.state != "")).all(), "not a fixed point"


def count_values(sums, hidden, policy, most=60):
    "Every value that each hidden n can take, by trying all: small tables of students alone."
    from itertools import product
    atoms = [e for e in range(len(sums.n)) if e not in set(sums.total)]
    free = [e for e in atoms if hidden[e]]
    seen = {e: set() for e in np.flatnonzero(hidden)}
    for guess in product(range(1, most), repeat=len(free)):
        n = np.where(np.isin(np.arange(len(sums.n)), free), 0, sums.n)
        n[free] = guess
        for k in range(len(sums.total)):                       # sums of sums stand after what they are made of
            n[sums.total[k]] = n[sums.members(k)].sum()
        if (n == sums.n)[~hidden].all():
            for e in seen: seen[e].add(n[e])
    return {e: len(v) for e, v in seen.items()}


def test_the_attack_finds_what_trying_all_finds():
    "Ten small webs of one district: the same counts are too narrow when every whole number is tried."
    rng = np.random.default_rng(5)
    policy = DisclosurePolicy("custom", 10)
    judged = 0
    for _ in range(10):
        cells = pd.DataFrame([("d", s, t, int(rng.integers(1, 14)), 0) for s in "ab" for t in (1, 2)], columns=["district", "school", "year", "n_trials", "y_success"])
        _, sums = add_up(cells, [["district", "school"], ["district", "year"], ["district"]])
        sums.y = None
        hidden = sums.n < policy.min_n
        few = sorted(e for e, count in count_values(sums, hidden, policy, 16).items() if count < policy.keep)
        assert narrow(sums, hidden, np.zeros(len(sums.n), int), policy) == few
        judged += len(few)
    assert judged > 5


def test_ten_schools_of_one_student_are_found_out():
    "Their sum is ten, and each has at least one: nothing else is possible. So more goes, or nothing is published."
    cells = pd.DataFrame([(f"s{i}", 1, i % 2) for i in range(10)] + [("t", 60, 30), ("u", 70, 31)], columns=["school", "n_trials", "y_success"])
    _, sums = add_up(cells, [[]])
    policy = DisclosurePolicy.named("us")
    ten = sums.n < 10
    assert narrow(sums, ten, np.zeros(13, int), policy) == list(range(10))
    done = protect(sums, policy)
    assert (done.state[:10] == "c").all() and (done.state != "").sum() > 10


@fast
@given(provinces, policies, st.randoms())
def test_bounds_hold_the_truth(counts, policy, random):
    entries, sums = add_up(table(counts), BY)
    hidden = np.array([random.random() < .4 for _ in sums.n])
    found = propagate(system_of(sums, hidden, np.zeros(len(hidden), int), policy))
    for (low, high), truth in zip(found, (sums.n, sums.y, sums.n - sums.y)):
        assert (low <= truth).all() and (truth <= high).all()


@fast
@given(provinces)
def test_nothing_is_withheld_without_need(counts):
    entries, sums = add_up(table(counts), BY)
    assert (protect(sums, DisclosurePolicy.named("none")).state == "").all()
    if (sums.students >= 10).all(): assert (protect(sums, DisclosurePolicy("custom", 10)).state == "").all()


@given(st.integers(1, 400))
def test_a_limit_leaves_several_counts_possible(n):
    limit = float(DisclosurePolicy.named("us").limit(n))
    assert limit <= .95 and (sum(y >= limit*n for y in range(n + 1)) >= min(3, n) or limit == .5)


def test_one_cell_takes_a_second_along():
    "The classic mistake: 18 of the school, 12 of one year, so 6 of the other."
    cells = pd.DataFrame([("d", "s", 1, 12, 6), ("d", "s", 2, 6, 1), ("d", "t", 1, 40, 20), ("d", "t", 2, 41, 19)], columns=["district", "school", "year", "n_trials", "y_success"])
    entries, sums = add_up(cells, BY)
    primary = sums.students < 10
    assert narrow(sums, primary, only_limits(sums, DisclosurePolicy.named("us"))*~primary, DisclosurePolicy.named("us")) == list(np.flatnonzero(primary))
    assert (protect(sums, DisclosurePolicy.named("us")).state[:4] == "c").all()


def test_hidden_ones_together_must_be_many_and_mixed():
    "Two hidden schools of three students are six: still a group to withhold. And if all six succeed, each one did."
    for y, shown in (((1, 2), "small together"), ((30, 28), "all succeed")):
        n = (3, 4) if shown == "small together" else (30, 28)
        cells = pd.DataFrame([("a", n[0], y[0]), ("b", n[1], y[1]), ("c", 50, 20), ("d", 70, 30)], columns=["school", "n_trials", "y_success"])
        _, sums = add_up(cells, [[]])
        hidden = complement(sums, np.array([True, True, False, False, False]), DisclosurePolicy.named("us"))
        assert hidden[2], shown


def test_students_are_counted_once_a_year():
    cells = pd.DataFrame([("s", 1, "R", 9), ("s", 1, "M", 8), ("s", 2, "R", 7)], columns=["school", "year", "subject", "n_trials"])
    assert distinct_students(cells, ["school"])["s"] == 16


def test_policies_say_what_is_wrong():
    with pytest.raises(PolicyError, match="choose one of"): DisclosurePolicy.named("gdpr")
    with pytest.raises(PolicyError, match="whole number"): DisclosurePolicy("x", 2.5)


def test_pennsylvania_is_protected_in_seconds(shared_data):
    "All districts, three years and two subjects, at the size of the real thing."
    counts = pd.read_csv(shared_data/"pssa_counts.csv.gz", dtype={"school_id": "str", "district_id": "str"})
    counts = counts[(counts.grade == 3) & counts.year.isin([2017, 2018, 2019])]
    cells = counts.rename(columns={"school_id": "school", "district_id": "key"})[["key", "school", "year", "subject", "n_trials", "y_success"]]
    cells = cells[cells.groupby("school").key.transform("nunique") == 1]
    _, sums = add_up(cells, [["key", "school"], ["key", "year", "subject"], ["key"], ["year", "subject"], []])
    policy = DisclosurePolicy("custom", 15, .95)
    done = protect(sums, policy)
    assert .0 < (done.state == "c").mean() < .12
    assert not narrow(sums, done.state != "", done.limit, policy)
