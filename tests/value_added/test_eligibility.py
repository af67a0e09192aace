"Eligibility: what each rule removes, on invented tables and on the publishers' own."

import numpy as np
import pandas as pd
import pytest

from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts
from schoolvar.data.province import simulate_province
from schoolvar.value_added.eligibility import EligibilityRules, apply_eligibility


def table(*rows):
    return pd.DataFrame(rows, columns=["school_id", "year", "grade", "participation"]).assign(
        subject="Math", n_trials=20, y_success=10
    )


def test_edges_belong_to_the_kept_side():
    t = table(
        ("A", 1, 3, 0.5),
        ("A", 2, 3, 0.7),
        ("A", 3, 3, 0.7),
        ("B", 1, 3, 0.4999),
        ("B", 2, 3, 0.7),
        ("B", 3, 3, 0.6999),
    )
    assert apply_eligibility(t).frame.values.tolist() == t[t.school_id == "A"].values.tolist()


def test_the_row_rule_comes_first():
    "Rows that the first rule drops do not count for the second, and are not counted twice."
    t = table(
        ("A", 1, 3, 0.2), ("A", 2, 3, 0.9), ("A", 3, 3, 0.6), ("B", 1, 3, 0.9), ("B", 2, 3, 0.9)
    )
    r = apply_eligibility(t).table.set_index("rule")
    assert (
        r.rows_removed.tolist() == [1, 2]
        and r.schools_removed.tolist() == [0, 1]
        and r.rows_left.tolist() == [4, 2]
    )


def test_grades_are_judged_apart():
    t = table(("A", 1, 3, 0.9), ("A", 2, 3, 0.9), ("A", 1, 6, 0.9), ("A", 2, 6, 0.6))
    e = apply_eligibility(t)
    assert e.frame.grade.unique().tolist() == [3]
    assert e.table.groupby("grade").schools_left.min().to_dict() == {3: 1, 6: 0}


def test_counts_of_the_table_add_up():
    frame = simulate_province().counts
    e = apply_eligibility(frame)
    t = e.table
    assert t.rows_removed.sum() == len(frame) - len(e.frame) > 0
    for grade, rows in frame.groupby("grade"):
        left = t[t.grade == grade]
        assert (
            rows.school_id.nunique() - left.schools_removed.sum()
            == left.schools_left.iloc[-1]
            == e.frame[e.frame.grade == grade].school_id.nunique()
        )
    assert (e.frame.participation >= 0.5).all()
    assert "dropped" in e.sentences()[0] and e.participation == "given"


def test_absent_and_partly_absent_participation():
    t = table(("A", 1, 3, np.nan), ("A", 2, 3, np.nan), ("B", 1, 3, 0.3), ("B", 2, 3, 0.9))
    e = apply_eligibility(t)
    assert e.frame.school_id.unique().tolist() == ["A"] and e.participation == "given for some rows"
    assert any("taken as well attended" in s for s in e.sentences())
    e = apply_eligibility(t.drop(columns="participation"))
    assert len(e.frame) == 4 and e.participation == "absent"


@pytest.mark.parametrize("bad", [95.0, -0.1, 1.2])
def test_participation_that_is_no_share(bad):
    with pytest.raises(DataError, match="share between 0 and 1.*row 2"):
        apply_eligibility(table(("A", 1, 3, 0.9), ("A", 2, 3, bad)))


@pytest.mark.parametrize(
    "rules", [dict(least_participation=1.5), dict(good_participation=-1), dict(good_rows=-1)]
)
def test_rules_that_make_no_sense(rules):
    with pytest.raises(ValueError):
        EligibilityRules(**rules)


def test_eqao_gives_participation(shared_data):
    counts = read_counts(shared_data / "eqao_g3_2023_sample.csv", format="eqao", years=2023)
    e = apply_eligibility(counts.frame)
    assert e.participation == "given" and len(e.frame)


def test_pennsylvania_gives_none(shared_data):
    counts = read_counts(shared_data / "pssa_counts.csv.gz", grade=3, years=[2017, 2018, 2019])
    e = apply_eligibility(counts.frame)
    assert e.participation == "absent"
    assert e.table.schools_removed.sum() == counts.frame.groupby("school_id").size().lt(2).sum()
