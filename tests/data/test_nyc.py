"New York City's school files."

import pandas as pd

from schoolvar.data.counts import read_counts
from tests.data.made_tables import COUNTS, accounted, error, nyc


def test_nyc_file_gives_the_prepared_counts_exactly(shared_data):
    c = accounted(read_counts(shared_data / "nyc_ela_2013_2016_publisher.csv.gz", format="nyc"))
    # charter schools are in a file of their own
    prepared = read_counts(
        shared_data / "nyc_counts.csv.gz", years=[2013, 2014, 2015, 2016], subjects="ELA"
    ).frame.query("district_id != 'NYC-84'")
    pd.testing.assert_frame_equal(
        c.frame[[*COUNTS, "school_name"]], prepared[[*COUNTS, "school_name"]].reset_index(drop=True)
    )
    assert len(c.withheld) == 41 and dict(
        zip(c.dropped["reason"], c.dropped["rows"], strict=True)
    ) == {"total of all grades": 4429}


def test_nyc_marks_totals_and_names_of_other_years(tmp_path):
    rows = [
        ["01M015", 3, 2013, "All Students", 27, 2],
        ["75X001", 3, 2013, "All Students", 4, "s"],
        ["84K001", 3, 2014, "All Students", 40, 30],
        ["01M015", "All Grades", 2013, "All Students", 27, 2],
        ["01M015", 3, 2013, "Female", 12, 1],
    ]
    for passed in ("PassNum", "Level 3+4 #"):
        c = accounted(read_counts(nyc(tmp_path / "x.csv", rows, passed=passed), format="nyc"))
        assert (
            c.frame["district_id"].tolist() == ["NYC-01", "NYC-84"]
            and c.subjects == ["ELA"]
            and c.withheld["school_id"].tolist() == ["75X001"]
        )
        assert c.withheld["reason_text"].tolist() == ["s: suppressed, 5 students or fewer"]


def test_nyc_subject(tmp_path):
    rows = [["01M015", 3, 2013, "All Students", 27, 2], ["02M015", 3, 2013, "All Students", 27, 2]]
    assert read_counts(nyc(tmp_path / "x.csv", rows, "Mathematics"), format="nyc").subjects == [
        "Math"
    ]
    assert read_counts(nyc(tmp_path / "math_test.csv", rows, ""), format="nyc").subjects == ["Math"]
    assert "does not say its subject" in str(
        error(read_counts, nyc(tmp_path / "y.csv", rows, ""), format="nyc")
    )
    assert read_counts(
        nyc(tmp_path / "y.csv", rows, ""), format="nyc", subjects="Math"
    ).subjects == ["Math"]


def test_nyc_faults(tmp_path):
    def fault(*rows):
        return error(
            read_counts,
            nyc(tmp_path / "x.csv", [["01M015", 3, 2013, "All Students", 27, 2], *rows]),
            format="nyc",
        )

    assert "something other than a DBN such as 01M015 (row 7 has 'Citywide')" in str(
        fault(["Citywide", 3, 2013, "All Students", 27, 2])
    )
    assert fault(["01M019", 3, 2013, "All Students", 27, 28]).rows == [7]
    assert "text where a number belongs (row 7 has '~')" in str(
        fault(["01M019", 3, 2013, "All Students", 27, "~"])
    )
