"The tidy layout, and files of another format than was said."

import numpy as np

from schoolvar.data.counts import read_counts
from tests.data.made_tables import (
    GOOD,
    changed,
    eqao,
    error,
    good_counts,
    nyc,
    pssa,
    row,
    write,
)


def test_the_files_own_column_name_is_used(tmp_path):
    path = write(
        changed(3, "y_success", 99).rename(columns={"y_success": "Passed", "school_id": "DBN"}),
        tmp_path / "c.csv",
    )
    e = error(read_counts, path, columns={"Passed": "y_success", "DBN": "school_id"})
    assert e.column == "Passed" and "column Passed" in str(e)


def test_absent_columns(tmp_path):
    path = write(good_counts().rename(columns={"school_id": "School ID"}), tmp_path / "c.xlsx")
    text = str(error(read_counts, path))
    assert (
        "no column 'school_id'" in text
        and "did you mean 'School ID'?" in text
        and "columns found: School ID, year, grade" in text
    )
    assert "no column 'Skool'" in str(error(read_counts, path, columns={"Skool": "school_id"}))
    assert "not 'school'; did you mean 'school_id'?" in str(
        error(read_counts, path, columns={"School ID": "school"})
    )
    (tmp_path / "t.csv").write_text(
        "school_id,year,year,grade,subject,n_trials,y_success\n1,2021,2021,3,M,4,2\n"
    )
    assert "this name 2 times" in str(error(read_counts, tmp_path / "t.csv"))


def test_participation_as_share_or_percent(tmp_path):
    frame = good_counts().assign(participation=["95%", "0.5", "", "100%"] * 4)
    assert read_counts(frame).frame["participation"].tolist()[:2] == [0.95, 0.5] and np.isnan(
        read_counts(frame).frame["participation"][2]
    )


def test_the_wrong_format_is_told(shared_data):
    for format in ("eqao", "pssa", "nyc"):
        assert "is a header with the columns" in str(
            error(read_counts, shared_data / "saeb.csv.gz", format=format)
        )
    assert "no format 'xls'; formats: tidy, eqao, pssa, nyc" in str(
        error(read_counts, shared_data / "saeb.csv.gz", format="xls")
    )


def test_one_school_in_a_publishers_file(tmp_path):
    assert "only one school (112011103-7302)" in str(
        error(read_counts, pssa(tmp_path / "x.xlsx", [row()]), format="pssa")
    )
    assert "only one school (01M015)" in str(
        error(
            read_counts,
            nyc(tmp_path / "x.csv", [["01M015", 3, 2013, "All Students", 27, 2]]),
            format="nyc",
        )
    )
    eqao((10, GOOD)).to_csv(tmp_path / "eqao_2023.csv", index=False)
    assert "only one school (10)" in str(
        error(read_counts, tmp_path / "eqao_2023.csv", format="eqao")
    )
