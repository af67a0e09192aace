"Pennsylvania's workbooks, and counts recovered from percentages."

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from schoolvar.data.counts import read_counts
from schoolvar.data.pssa import count_from_percent
from tests.data.made_tables import COUNTS, accounted, error, pssa, quick, row


def test_pssa_workbook_gives_the_prepared_counts_exactly(shared_data):
    c = accounted(read_counts(shared_data / "pssa_school_2019.xlsx", format="pssa"))
    prepared = read_counts(shared_data / "pssa_counts.csv.gz", years=2019)
    pd.testing.assert_frame_equal(c.frame[COUNTS], prepared.frame[COUNTS])
    assert (
        len(c.withheld) == 170
        and set(c.withheld["reason"]) == {"too_few"}
        and (~c.frame["count_exact"]).sum() == 3
    )
    assert "exact in 17,070 of 17,073 cells" in c.summary()


def test_pennsylvania_window_of_the_studies(shared_data):
    c = read_counts(shared_data / "pssa_counts.csv.gz", grade=3, years=[2017, 2018, 2019])
    assert len(c.schools) == 1643 and len(c.frame) == 9563


def test_pssa_groups_totals_and_small_groups(tmp_path):
    rows = [
        row(),
        row(subject="English Language Arts"),
        row(grade="Total"),
        row(group="Historically Underperforming"),
        row("19", n=9, advanced="", proficient=""),
        row("000000020"),
    ]
    c = accounted(read_counts(pssa(tmp_path / "x.xlsx", rows), format="pssa"))
    assert (
        c.schools == ["112011103-0020", "112011103-7302"]
        and c.years == [2019]
        and c.subjects == ["ELA", "Math"]
    )
    assert c.withheld["school_id"].tolist() == ["112011103-0019"] and set(c.frame["y_success"]) == {
        85
    }
    assert dict(zip(c.dropped["reason"], c.dropped["rows"], strict=True)) == {
        "group of students other than all": 1,
        "total of all grades": 1,
    }


def test_pssa_names_of_other_years_and_the_year_of_the_file(tmp_path):
    rows = [row(subject="E", grade="School Total"), row(subject="E"), row("8", subject="E")]
    path = pssa(
        tmp_path / "2016.xlsx",
        rows,
        title="School level results",
        names=("District", "School", "% Advanced", "% Proficient"),
    )
    c = read_counts(path, format="pssa")
    assert (c.years, c.subjects, len(c.frame)) == ([2016], ["ELA"], 2)
    path = path.rename(tmp_path / "pssa.xlsx")
    assert "does not say its year" in str(error(read_counts, path, format="pssa"))
    assert read_counts(path, format="pssa", years=2017).years == [2017]


def test_pssa_faults(tmp_path):
    def fault(*rows):
        return error(read_counts, pssa(tmp_path / "x.xlsx", rows), format="pssa")

    e = fault(row(), row("8", advanced=120))
    assert (
        "a percentage outside 0 to 100 (row 5 has '120')" in str(e)
        and e.column == "Percent Advanced"
    )
    assert "a subject that PSSA does not test (row 5 has 'Alchemy')" in str(
        fault(row(), row("8", subject="Alchemy"))
    )
    assert fault(row(), row("8"), row("8")).rows == [5, 6]
    assert "text where a number belongs (row 5 has 'IS')" in str(fault(row(), row("8", n="IS")))


@quick
@given(st.integers(1, 1500), st.data())
def test_counts_from_percentages(n, data):
    "A count said to be exact is the count; below 1,000 students all are."
    k = data.draw(st.integers(0, n))
    count, exact = (v[()] for v in count_from_percent(n, round(100 * k / n, 1)))
    assert abs(count - k) <= 1
    if exact or n < 1000:
        assert count == k and (exact or n >= 1000)
