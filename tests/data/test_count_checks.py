"Broken counts are named by file, column and row."

import pandas as pd
import pytest

from schoolvar.data.counts import read_counts
from tests.data.made_tables import changed, error, good_counts, write

BROKEN = {  # what is wrong: (table, column, rows, part of the sentence)
    "more successes than students": (
        changed(3, "y_success", 99),
        "y_success",
        [5],
        "more successes than students",
    ),
    "negative": (changed(3, "y_success", -1), "y_success", [5], "a negative number"),
    "negative students": (changed(3, "n_trials", -4), "n_trials", [5], "no students"),
    "fraction": (changed(3, "y_success", 2.5), "y_success", [5], "a fraction"),
    "text": (
        changed(3, "n_trials", "forty"),
        "n_trials",
        [5],
        "text where a number belongs (row 5 has 'forty')",
    ),
    "missing school": (changed(3, "school_id", ""), "school_id", [5], "nothing in this column"),
    "missing subject": (changed(3, "subject", None), "subject", [5], "nothing in this column"),
    "duplicate": (
        pd.concat([good_counts(), good_counts()[3:4]]),
        None,
        [5, 18],
        "the same school_id, year, grade, subject",
    ),
    "not a number": (changed(3, "y_success", "nan"), "y_success", [5], "nothing in this column"),
    "zero students": (changed(3, "n_trials", 0), "n_trials", [5], "no students"),
    "huge": (changed(3, "n_trials", 10**12), "n_trials", [5], "more than 1,000,000 students"),
    "huge text": (changed(3, "n_trials", "1e400"), "n_trials", [5], "infinite"),
    "infinite": (changed(3, "n_trials", "inf"), "n_trials", [5], "an infinite number"),
    "year": (changed(3, "year", 22), "year", [5], "a year outside 1900 to 2100"),
    "grade": (changed(3, "grade", "K"), "grade", [5], "text where a number belongs"),
    "one school": (good_counts(1), "school_id", [], "only one school (000)"),
    "no rows": (good_counts()[:0], None, [], "no rows"),
    "many rows": (
        good_counts().assign(y_success=41),
        "y_success",
        [2, 3, 4, 5, 6],
        "16 rows with more successes than students (rows 2, 3, 4, 5, 6 and 11 more",
    ),
    "participation": (
        good_counts().assign(participation=95),
        "participation",
        [2, 3, 4, 5, 6],
        "a share of students outside 0 to 1",
    ),
}


@pytest.mark.parametrize("name", ["c.csv", "c.xlsx"])
@pytest.mark.parametrize("what", BROKEN)
def test_broken_counts(tmp_path, what, name):
    frame, column, rows, sentence = BROKEN[what]
    e = error(read_counts, write(frame, tmp_path / name))
    assert sentence in str(e) and str(e).startswith(name + ": ")
    assert (e.column, e.rows) == (column, rows)
