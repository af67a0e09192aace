"Counts: the same from every kind of file, chosen, put together, accounted for."

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schoolvar.data import tables
from schoolvar.data.counts import read_counts
from schoolvar.data.identifiers import plain_id, twins
from tests.data.made_tables import KEY, TIDY, error, good_counts, names, quick, write


@pytest.mark.parametrize("name", ["c.csv", "c.csv.gz", "c.parquet", "c.xlsx"])
def test_counts_are_the_same_from_every_kind_of_file(tmp_path, name):
    counts = read_counts(write(good_counts(), tmp_path / name))
    pd.testing.assert_frame_equal(counts.frame, good_counts())
    assert counts.frame.dtypes.astype(str).to_dict() == dict(
        school_id="str",
        year="int64",
        grade="int64",
        subject="str",
        n_trials="int64",
        y_success="int64",
    )
    assert (
        counts.source["sha256"] == tables.file_hash(tmp_path / name)
        and counts.source["rows_read"] == counts.source["rows_kept"] == 16
    )
    assert not len(counts.withheld) and not len(counts.dropped)


def test_choosing_grades_years_and_subjects():
    frame = pd.concat([good_counts(), good_counts().assign(grade=6)])
    counts = read_counts(frame, grade=3, years=[2022], subjects="Math")
    assert (counts.grades, counts.years, counts.subjects, len(counts.frame)) == (
        [3],
        [2022],
        ["Math"],
        4,
    )
    assert dict(zip(counts.dropped["reason"], counts.dropped["rows"], strict=True)) == {
        "grade other than 3": 16,
        "year other than 2022": 8,
        "subject other than Math": 4,
    }
    assert "no grade 9; found: 3, 6" in str(error(read_counts, frame, grade=9))
    assert "no year 1999, 2030; found: 2021, 2022" in str(
        error(read_counts, frame, years=[1999, 2021, 2030])
    )
    assert "no subject Art; found: Math, Reading" in str(
        error(read_counts, frame, subjects=["Art"])
    )
    both = read_counts(frame)
    assert both.grades == [
        3,
        6,
    ] and "needs one grade and the file has 2; choose one of 3, 6" in str(error(both.one_grade))
    assert both.one_grade(6).grades == [6] and counts.one_grade().grades == [3]


def test_one_school_is_also_refused_after_choosing():
    frame = good_counts().assign(grade=lambda d: np.where(d["school_id"] == "002", 6, 3))
    assert "only one school (002)" in str(error(read_counts, frame, grade=6))


def test_a_file_a_year(tmp_path):
    paths = [write(good_counts().query("year == @y"), tmp_path / f"{y}.csv") for y in (2021, 2022)]
    counts = read_counts(paths)
    pd.testing.assert_frame_equal(counts.frame, good_counts())
    assert (
        counts.source["rows_read"] == 16
        and "2021.csv" in counts.source["path"]
        and "2022.csv" in counts.source["path"]
    )
    assert "in more than one file" in str(error(read_counts, [paths[0], paths[0]]))
    assert "no file was given" in str(error(read_counts, []))


@st.composite
def tidy_tables(draw):
    keys = draw(
        st.lists(
            st.tuples(names, st.integers(1990, 2030), st.integers(0, 13), names),
            min_size=1,
            max_size=12,
            unique=True,
        )
    )
    # near-twins are refused
    assume(
        len({plain_id(k[0]) for k in keys}) > 1
        and not any(twins({k[i] for k in keys}) for i in (0, 3))
    )
    n = draw(st.lists(st.integers(1, 2000), min_size=len(keys), max_size=len(keys)))
    share = draw(st.lists(st.floats(0, 1), min_size=len(keys), max_size=len(keys)))
    return pd.DataFrame(
        [(*k, a, int(a * p)) for k, a, p in zip(keys, n, share, strict=True)], columns=TIDY
    )


@quick
@given(
    tidy_tables(),
    st.sampled_from(["c.csv", "c.csv.gz", "c.parquet", "c.xlsx", "frame"]),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_round_trip(tmp_path, frame, name, random, renamed):
    "Whatever the order of rows and columns, the format and the names, the same counts come back."
    order = list(frame.columns)
    random.shuffle(order)
    mapping = {f"their {c}": c for c in order} if renamed else None
    there = frame.sample(frac=1, random_state=random.randrange(10**6))[order].rename(
        columns={v: k for k, v in (mapping or {}).items()}
    )
    counts = read_counts(
        there if name == "frame" else write(there, tmp_path / name), columns=mapping
    )
    pd.testing.assert_frame_equal(
        counts.frame.sort_values(KEY, ignore_index=True),
        frame.sort_values(KEY, ignore_index=True),
        check_dtype=False,
    )
    assert counts.source["rows_read"] == counts.source["rows_kept"] == len(frame)


@quick
@given(tidy_tables(), st.data())
def test_one_corrupted_cell_is_found(tmp_path, frame, data):
    "Any one bad cell ends in an error that names its column and its row."
    row = data.draw(st.integers(0, len(frame) - 1))
    column, value = data.draw(
        st.sampled_from(
            [
                ("school_id", ""),
                ("subject", "NA"),
                ("year", "MMXX"),
                ("year", "20"),
                ("grade", "-1"),
                ("grade", "3.5"),
                ("n_trials", "0"),
                ("n_trials", "n/r"),
                ("n_trials", "1e9"),
                ("y_success", "-2"),
                ("y_success", "0x1"),
                ("y_success", "1_000"),
                ("y_success", "1,5"),
                ("y_success", "inf"),
                ("y_success", "4000"),
            ]
        )
    )
    frame = frame.astype(object)
    frame.loc[row, column] = value
    e = error(read_counts, write(frame, tmp_path / "c.csv"))
    assert (e.column, e.rows, e.total) == (column, [row + 2], 1)


def test_choices_that_are_no_numbers():
    assert "grade third is no whole number; found: 3" in str(
        error(read_counts, good_counts(), grade="third")
    )
    assert read_counts(good_counts(), grade="3").grades == [3]
