"Readers of scores and counts: what comes back, what is left out, and one clear line for what cannot be used."

import gzip
import io
import os
import pickle
import re
import string
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schoolvar.core.errors import DataError
from schoolvar.data import tables
from schoolvar.data.counts import read_counts
from schoolvar.data.identifiers import plain_id, twins
from schoolvar.data.moments import SchoolMoments, batch_moments, merge_moments
from schoolvar.data.scores import read_scores

KEY = ["school_id", "year", "grade", "subject"]
TIDY = [*KEY, "n_trials", "y_success"]
quick = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def good_counts(schools=4):
    return pd.DataFrame(
        [
            (f"{s:03d}", y, 3, k, 40, 10 + s % 30)
            for s in range(schools)
            for y in (2021, 2022)
            for k in ("Math", "Reading")
        ],
        columns=TIDY,
    )


def error(function, *args, **kwargs) -> DataError:
    "The error of a call that must fail, whose text must be one printable line."
    with pytest.raises(DataError) as caught:
        function(*args, **kwargs)
    text = str(caught.value)
    assert (
        text
        and "\n" not in text
        and "\r" not in text
        and "Traceback" not in text
        and len(text) <= 1000
    )
    return caught.value


def write(frame, path):
    "Write a frame in the format of the file's name."
    path = Path(path)
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix == ".xlsx":
        frame.to_excel(path, index=False, engine="xlsxwriter")
    else:
        frame.to_csv(path, index=False)
    return path


# -- the same counts from every kind of file


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


def test_the_kind_is_told_by_the_content_not_the_name(tmp_path):
    "A wrong extension does no harm."
    for kind in ("c.parquet", "c.xlsx", "c.csv.gz"):
        write(good_counts(), tmp_path / kind).rename(tmp_path / "odd.csv")
        pd.testing.assert_frame_equal(read_counts(tmp_path / "odd.csv").frame, good_counts())
    write(good_counts(), tmp_path / "c.csv").rename(tmp_path / "odd.parquet")
    assert read_counts(tmp_path / "odd.parquet").schools == ["000", "001", "002", "003"]


def test_a_frame_goes_by_its_labels_and_is_left_alone():
    frame = good_counts().set_index(pd.Index([f"r{i}" for i in range(16)]))
    before = frame.copy()
    pd.testing.assert_frame_equal(read_counts(frame).frame, good_counts())
    pd.testing.assert_frame_equal(frame, before)
    frame.loc["r3", "y_success"] = 41
    assert error(read_counts, frame).rows == ["r3"]


def test_mixed_and_spreadsheet_types_in_a_frame():
    "Identifiers that are numbers, floats where a gap made them so, categories and booleans do not change what is read."
    frame = good_counts().assign(
        school_id=lambda d: d["school_id"].astype(float),
        subject=lambda d: d["subject"].astype("category"),
        n_trials=lambda d: d["n_trials"].astype(object),
    )
    counts = read_counts(frame)
    assert counts.schools == ["0", "1", "2", "3"] and counts.frame["n_trials"].dtype == "int64"
    assert read_counts(
        frame.assign(school_id=frame["school_id"].map({0.0: "a", 1.0: 1, 2.0: 2.0, 3.0: "b"}))
    ).schools == ["1", "2", "a", "b"]


# -- text: delimiters, marks, encodings


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_and_byte_order_marks(tmp_path, delimiter, encoding):
    frame = good_counts().assign(subject=lambda d: d["subject"].replace("Reading", "Français, é"))
    frame.to_csv(tmp_path / "c.csv", index=False, sep=delimiter, encoding=encoding)
    pd.testing.assert_frame_equal(
        read_counts(tmp_path / "c.csv").frame, frame.sort_values(KEY, ignore_index=True)
    )


def test_latin_1_is_named_and_can_be_asked_for(tmp_path):
    frame = good_counts().assign(school_name="École")
    frame.to_csv(tmp_path / "c.csv", index=False, encoding="latin-1")
    e = error(read_counts, tmp_path / "c.csv")
    assert "not UTF-8 (byte 0xC9)" in str(e) and "--encoding cp1252" in str(e) and e.rows == [2]
    assert set(read_counts(tmp_path / "c.csv", encoding="cp1252").frame["school_name"]) == {"École"}
    assert "no encoding 'klingon'" in str(
        error(read_counts, tmp_path / "c.csv", encoding="klingon")
    )


def test_mixed_encodings_name_the_row_where_they_change(tmp_path):
    body = good_counts().assign(school_name="École").to_csv(index=False).encode()
    lines = body.split(b"\n")
    lines[9] = lines[9].replace("É".encode(), "É".encode("latin-1"))
    (tmp_path / "c.csv").write_bytes(b"\n".join(lines))
    assert error(read_counts, tmp_path / "c.csv").rows == [10]


def test_an_encoding_fault_far_into_the_file_is_found(tmp_path):
    # several blocks of text
    lines = ["school_id,score"] + [f"{i % 7},{i % 11}" for i in range(400_000)]
    lines[333_333] += "é"
    (tmp_path / "s.csv").write_bytes("\n".join(lines).encode("latin-1"))
    assert error(read_scores, tmp_path / "s.csv").rows == [333_334]


def test_a_decimal_comma_where_semicolons_divide(tmp_path):
    (tmp_path / "s.csv").write_text("school;score\n01;1,5\n01;2,5\n02;3\n02;5\n")
    s = read_scores(tmp_path / "s.csv", school="school").schools
    assert s["mean"].tolist() == [2, 4] and s["school"].tolist() == ["01", "02"]


def test_blank_rows_and_rows_across_lines_keep_the_count(tmp_path):
    text = good_counts().assign(school_name='A "B"\nC').to_csv(index=False)
    records = text.strip("\n").replace('C"\n', 'C"\x00').split("\x00")
    records.insert(3, ",,,,,,"), records.append("")
    records[-3] = records[-3].replace(",40,", ",4,")  # more successes than students
    (tmp_path / "c.csv").write_text("\n".join(records))
    e = error(read_counts, tmp_path / "c.csv")
    assert (e.column, e.rows) == ("y_success", [17])  # a row is what a spreadsheet shows as one


def test_rows_of_a_later_block_are_counted_from_the_top(tmp_path, monkeypatch):
    "A table that comes in many batches is one table: nothing lost, rows numbered through."
    monkeypatch.setattr(tables, "BLOCK", 256)
    monkeypatch.setattr(tables, "BATCH", 7)
    frame = good_counts(40)
    for name in ("c.csv", "c.csv.gz", "c.parquet", "c.xlsx"):
        pd.testing.assert_frame_equal(read_counts(write(frame, tmp_path / name)).frame, frame)
    frame.loc[[99, 150], "y_success"] = 77
    for name in ("c.csv", "c.parquet", "c.xlsx"):
        assert error(read_counts, write(frame, tmp_path / name)).rows == [101, 152]


# -- broken inputs


def changed(row, column, value):
    frame = good_counts().astype(object)
    frame.loc[row, column] = value
    return frame


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


def test_files_that_are_no_tables(tmp_path, monkeypatch):
    (tmp_path / "noise.csv").write_bytes(os.urandom(4000).replace(b"PK", b"\0\0"))
    (tmp_path / "nul.csv").write_bytes(b"school_id,score\n1,\0\n")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "blank.csv").write_bytes(b"\n\n  \n")
    (tmp_path / "damaged.csv.gz").write_bytes(
        gzip.compress(b"school_id,score\n" + b"1,2\n" * 9999)[:60]
    )
    (tmp_path / "damaged.xlsx").write_bytes(b"PK\x03\x04" + b"\1" * 500)
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1" + b"\1" * 500)
    for name, sentence in {
        "noise.csv": "binary file",
        "nul.csv": "binary file",
        "empty.csv": "empty",
        "blank.csv": "empty",
        "damaged.csv.gz": "damaged gzip",
        "damaged.xlsx": "damaged one",
        "damaged.parquet": "damaged Parquet",
        "none.csv": "there is no such file",
        ".": "is a folder",
    }.items():
        for read in (read_counts, read_scores):
            assert sentence in str(error(read, tmp_path / name)), name
    assert "a path or a data frame is needed, not int" in str(error(read_counts, 3))

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tables, "open", refuse, raising=False)
    assert "cannot be read: Permission denied" in str(error(read_counts, tmp_path / "nul.csv"))


def test_ragged_rows_are_named(tmp_path):
    for line in ("1,2,3", "1"):
        (tmp_path / "s.csv").write_text(f"school_id,score\n1,2\n1,5\n{line}\n2,3\n")
        assert error(read_scores, tmp_path / "s.csv").rows == [4]


def test_sheets(tmp_path):
    with pd.ExcelWriter(tmp_path / "c.xlsx", engine="xlsxwriter") as w:
        pd.DataFrame({"Read me": ["this is about"]}).to_excel(w, sheet_name="About", index=False)
        good_counts().to_excel(w, sheet_name="Counts", index=False)
    assert len(read_counts(tmp_path / "c.xlsx", sheet="Counts").frame) == 16
    assert "sheets found: About, Counts" in str(
        error(read_counts, tmp_path / "c.xlsx", sheet="Data")
    )


def test_errors_survive_pickling():
    "Reports are made in processes of their own."
    e = pickle.loads(pickle.dumps(DataError("is bad", "f.csv", "n", [2, 3], 9, "x")))
    assert str(e) == "f.csv: column n: is bad (rows 2, 3 and 7 more; the first has 'x')" and (
        e.file,
        e.column,
        e.rows,
    ) == ("f.csv", "n", [2, 3])


# -- choosing, districts, several files


def test_choosing_grades_years_and_subjects():
    frame = pd.concat([good_counts(), good_counts().assign(grade=6)])
    counts = read_counts(frame, grade=3, years=[2022], subjects="Math")
    assert (counts.grades, counts.years, counts.subjects, len(counts.frame)) == (
        [3],
        [2022],
        ["Math"],
        4,
    )
    assert dict(zip(counts.dropped["reason"], counts.dropped["rows"])) == {
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


def test_districts():
    frame = good_counts().assign(
        district_id=lambda d: np.where(d["school_id"] < "002", "N", "S"), district="x"
    )
    assert read_counts(frame).frame.groupby("district_id")["school_id"].nunique().to_dict() == {
        "N": 2,
        "S": 2,
    }
    moved = frame.assign(
        district_id=frame["district_id"].where(
            ~((frame["school_id"] == "000") & (frame["year"] == 2022)), "S"
        )
    )
    counts = read_counts(moved)
    assert (
        set(counts.frame.loc[counts.frame["school_id"] == "000", "district_id"]) == {"S"}
        and "1 school changed district" in counts.notes[0]
        and counts.notes[0] in counts.summary()
    )
    torn = frame.assign(district_id=frame["district_id"].where(frame["subject"] == "Math", "W"))
    e = error(read_counts, torn)
    assert (
        "school 000 is in 2 districts in 2021: N, W; so are 3 other schools" in str(e)
        and e.column == "district_id"
    )
    only_name = read_counts(good_counts().assign(district="North"))
    assert set(only_name.frame["district_id"]) == {"North"}


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


def test_participation_as_share_or_percent(tmp_path):
    frame = good_counts().assign(participation=["95%", "0.5", "", "100%"] * 4)
    assert read_counts(frame).frame["participation"].tolist()[:2] == [0.95, 0.5] and np.isnan(
        read_counts(frame).frame["participation"][2]
    )


# -- scores


def pupils(n=200, schools=6, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "school_id": [f"{s:02d}" for s in rng.permutation(np.arange(n) % schools)],
            "score": rng.normal(500, 80, n).round(2),
            "ses": rng.normal(size=n).round(3),
            "area": rng.choice(["rural", "urban"], n),
        }
    )


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz", "s.parquet", "s.xlsx"])
def test_scores_are_the_same_from_every_kind_of_file(tmp_path, name):
    frame = pupils()
    s = read_scores(write(frame, tmp_path / name), covariates=["ses", "area"])
    by = frame.groupby("school_id")["score"]
    assert (
        s.schools["school"].tolist() == list(by.groups)
        and s.schools["n"].tolist() == by.size().tolist()
    )
    np.testing.assert_allclose(s.schools["mean"], by.mean())
    np.testing.assert_allclose(s.schools["ss"], by.var() * (by.size() - 1), rtol=1e-10)
    np.testing.assert_allclose([s.mean, s.sd], [frame["score"].mean(), frame["score"].std()])
    pd.testing.assert_frame_equal(s.students, frame.rename(columns={"school_id": "school"}))
    assert read_scores(tmp_path / name).students is None


def test_scores_in_any_order_give_the_same_schools():
    frame = pupils()
    a, b = read_scores(frame), read_scores(frame.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(a.schools, b.schools, rtol=1e-12)


def test_missing_scores_and_covariates_are_counted():
    frame = pupils()
    frame.loc[[1, 5], "score"], frame.loc[[5, 7], "ses"], frame.loc[9, "area"] = (
        np.nan,
        np.nan,
        None,
    )
    s = read_scores(frame, covariates=["ses", "area"])
    assert dict(zip(s.dropped["reason"], s.dropped["rows"])) == {
        "no score": 2,
        "no ses": 1,
        "no area": 1,
    }
    assert s.source["rows_read"] == 200 == s.n + 4 == len(s.students) + 4
    assert "no score: 2 rows" in s.summary()


def test_a_school_of_one_student_and_schools_with_names_and_districts():
    frame = pd.concat([pupils(), pd.DataFrame({"school_id": ["99"], "score": [500.0]})]).assign(
        board=lambda d: "B" + d["school_id"].str[:1], name=lambda d: "School " + d["school_id"]
    )
    s = read_scores(frame, district="board", school_name="name").schools
    assert s.iloc[-1][["school", "district", "school_name", "n", "ss"]].tolist() == [
        "99",
        "B9",
        "School 99",
        1,
        0,
    ]


SCORES = {  # what is wrong: (row 3 of the data, columns, column, rows, part of the sentence)
    "text": ({"score": "absent"}, "score", [5], "text where a number belongs (row 5 has 'absent')"),
    "infinite": ({"score": "inf"}, "score", [5], "an infinite score"),
    "huge": ({"score": "-1e300"}, "score", [5], "a score beyond 10^12"),
    "no school": ({"school_id": ""}, "school_id", [5], "nothing in this column"),
    "no school and no score": (
        {"school_id": "", "score": ""},
        "school_id",
        [5],
        "nothing in this column",
    ),
    "two districts": ({"board": "W"}, "board", [], "has two of it: N, W"),
    "no district": ({"board": ""}, "board", [5], "nothing in this column"),
    "text in a covariate": (
        {"ses": "high"},
        "ses",
        [5],
        "text where the others have numbers (row 5 has 'high')",
    ),
    "infinite covariate": ({"ses": "inf"}, "ses", [5], "an infinite number"),
}


@pytest.mark.parametrize("what", SCORES)
def test_broken_scores(tmp_path, what):
    cells, column, rows, sentence = SCORES[what]
    frame = pupils().assign(board="N").astype(object)
    for c, v in cells.items():
        frame.loc[3, c] = v
    e = error(read_scores, write(frame, tmp_path / "s.csv"), district="board", covariates=["ses"])
    assert sentence in str(e) and (e.column, e.rows) == (column, rows)


def test_scores_that_no_model_can_use():
    frame = pupils()
    assert "only one school" in str(error(read_scores, frame.assign(school_id="1")))
    assert "none of 200 rows has a score" in str(error(read_scores, frame.assign(score=np.nan)))
    assert "do not differ within any school" in str(error(read_scores, frame.assign(score=1.0)))
    assert "no rows" in str(error(read_scores, frame[:0]))
    assert "did you mean 'score'?" in str(error(read_scores, frame, score="Score"))


def test_faults_are_counted_over_all_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "BLOCK", 512)
    frame = pupils(3000)
    frame["score"] = frame["score"].astype(object)
    frame.loc[[700, 2999], "score"] = ["x", "y"]
    e = error(read_scores, write(frame, tmp_path / "s.csv"))
    assert e.rows == [702, 3001] and e.total == 2 and e.value == "x"


def test_five_million_students_need_little_memory(tmp_path):
    "With fewer of them: memory must not grow with students (the full size is benchmarks/bench_read.py)."
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "benchmarks"))
    try:
        from bench_read import measure, write_students
    finally:
        sys.path.pop(0)
    write_students(tmp_path / "few.parquet", 50_000, 500)
    write_students(tmp_path / "many.parquet", 1_000_000, 500)
    few, many = measure(tmp_path / "few.parquet"), measure(tmp_path / "many.parquet")
    assert many["students"] == 1_000_000 and many["schools"] == 500
    assert many["peak_mb"] < 700 and many["peak_mb"] - few["peak_mb"] < 120


# -- sufficient statistics

numbers = st.floats(-1e6, 1e6, allow_nan=False, width=32)


@quick
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), numbers), min_size=1, max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
    st.floats(-1e7, 1e7),
)
def test_moments_of_any_split_are_those_of_the_whole(rows, cuts, shift):
    rows = [(s, v + shift) for s, v in rows]
    m = SchoolMoments()
    edges = [0, *sorted(min(c, len(rows)) for c in cuts), len(rows)]
    for lo, hi in zip(edges, edges[1:]):
        if hi > lo:
            m.add(pa.array([s for s, _ in rows[lo:hi]]), np.array([v for _, v in rows[lo:hi]]))
    for school, i in m.index.items():
        v = np.array([x for s, x in rows if s == school])
        scale = max(abs(v).max(), 1)
        assert m.n[i] == len(v)
        np.testing.assert_allclose(m.mean[i], v.mean(), atol=1e-9 * scale)
        np.testing.assert_allclose(
            m.ss[i], ((v - v.mean()) ** 2).sum(), rtol=1e-6, atol=1e-8 * scale
        )
    every = np.array([v for _, v in rows])
    np.testing.assert_allclose(
        m.total()[2],
        ((every - every.mean()) ** 2).sum(),
        rtol=1e-6,
        atol=1e-7 * max(abs(every).max(), 1),
    )


def test_moments_do_not_cancel():
    "Scores far from zero: the textbook formula would give garbage here."
    v = 1e9 + np.array([1.0, 2.0, 3.0, 4.0])
    a, b = (batch_moments(np.zeros(2, int), p, 1) for p in (v[:2], v[2:]))
    n, mean, ss = merge_moments(a, b)
    assert (n[0], mean[0], ss[0]) == (4, 1e9 + 2.5, 5)


# -- properties of the readers

names = (
    st.text(
        st.sampled_from(string.ascii_letters + string.digits + "éßЖ \"',;-.&"),
        min_size=1,
        max_size=12,
    )
    .map(str.strip)
    .filter(lambda s: s and s not in tables.MISSING)
)


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
    return pd.DataFrame([(*k, a, int(a * p)) for k, a, p in zip(keys, n, share)], columns=TIDY)


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


@quick
@given(
    st.lists(st.tuples(names, st.one_of(st.none(), numbers)), min_size=1, max_size=40),
    st.sampled_from(["s.csv", "s.parquet", "frame"]),
)
def test_students_are_kept_or_counted(tmp_path, rows, name):
    frame = pd.DataFrame(rows, columns=["school_id", "score"]).astype({"score": float})
    try:
        s = read_scores(
            frame if name == "frame" else write(frame, tmp_path / name),
            allow=("twins", "sentinels", "odd-ids"),
        )
    except DataError as e:
        assert any(t in str(e) for t in ("only one school", "has a score", "do not differ"))
        return
    assert s.n == frame["score"].notna().sum() and s.n + s.source["rows_dropped"] == s.source[
        "rows_read"
    ] == len(frame)
    v = frame["score"].dropna()
    np.testing.assert_allclose([s.mean, s.sd], [v.mean(), v.std()], rtol=1e-6, atol=1e-6)


def good_bytes(kind):
    "A sound file, in memory."
    frame, buffer = good_counts().assign(district_id="1"), io.BytesIO()
    if kind == "parquet":
        frame.to_parquet(buffer)
    elif kind == "xlsx":
        frame.to_excel(buffer, index=False, engine="xlsxwriter")
    else:
        frame.to_csv(buffer, index=False)
    return buffer.getvalue()


def counts_or_one_line(path):
    "No other exception, no warning, and what is read obeys the rules."
    for read in (read_counts, lambda p: read_scores(p, score="y_success")):
        try:
            got = read(path)
        except DataError as e:
            assert str(e) and "\n" not in str(e) and len(str(e)) <= 1000
            continue
        if read is read_counts:
            assert (
                (got.frame["y_success"] <= got.frame["n_trials"]).all()
                and (got.frame["n_trials"] > 0).all()
                and not got.frame.duplicated(KEY).any()
            )


@pytest.mark.parametrize("kind", ["csv", "csv, then compressed", "gz", "parquet", "xlsx"])
@settings(quick, max_examples=200)
@given(
    edits=st.lists(
        st.tuples(
            st.sampled_from(["set", "insert", "delete", "repeat"]),
            st.integers(0, 10**6),
            st.binary(min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_damaged_bytes_end_in_counts_or_in_one_line(tmp_path, kind, edits):
    "Fuzzing of every kind of file."
    body = bytearray(good_bytes(kind) if kind != "gz" else gzip.compress(good_bytes(kind)))
    for what, at, junk in edits:
        at %= len(body) + 1
        if what == "set":
            body[at : at + len(junk)] = junk
        elif what == "insert":
            body[at:at] = junk
        elif what == "delete":
            del body[at : at + 40 * junk[0]]
        else:
            body[at:at] = body[max(0, at - junk[0]) : at]
    (tmp_path / "c").write_bytes(
        gzip.compress(bytes(body)) if kind == "csv, then compressed" else bytes(body)
    )
    counts_or_one_line(tmp_path / "c")


def test_text_of_a_parquet_file_that_is_not_utf8(tmp_path):
    "Found by fuzzing: one wrong bit in a cell, or in the name of a column, which Parquet keeps in several places."
    pa.parquet.write_table(
        pa.Table.from_pandas(good_counts(), preserve_index=False),
        tmp_path / "c.parquet",
        compression="none",
    )
    body = (tmp_path / "c.parquet").read_bytes()
    places = [m.start() for m in re.finditer(rb"Math|Reading|001|school_id|subject", body)]
    assert len(places) > 10
    for at in places:
        (tmp_path / "c.parquet").write_bytes(body[:at] + bytes([body[at] | 0x80]) + body[at + 1 :])
        counts_or_one_line(tmp_path / "c.parquet")


def test_no_rows_are_swallowed_by_a_quotation_mark(tmp_path):
    "An open mark in a column of names would make one cell of all that follows."
    lines = good_counts(40).assign(school_name="A").to_csv(index=False).splitlines()
    for at in (50, 159):
        (tmp_path / "c.csv").write_text(
            "\n".join([*lines[:at], lines[at][:-1] + '"A', *lines[at + 1 :]]) + "\n"
        )
        e = error(read_counts, tmp_path / "c.csv")
        assert "quotation mark" in str(e) and e.rows == [at + 1]
    (tmp_path / "c.csv").write_text(
        "\n".join(
            [*lines[:50], lines[50][:-1] + '"A', *lines[51:80], lines[80][:-1] + 'A"', *lines[81:]]
        )
        + "\n"
    )
    # a name over 31 lines is odd but well formed
    assert len(read_counts(tmp_path / "c.csv").frame) + 30 == 160
    # longer than a block
    (tmp_path / "s.csv").write_text('school_id,score\n1,"2\n' + "1,2\n" * 1_100_000)
    assert error(read_scores, tmp_path / "s.csv").rows == [2]


def test_covariates_beside_the_columns_of_students():
    frame = pupils().assign(board=lambda d: "B" + d["school_id"])
    s = read_scores(
        frame, district="board", covariates=["ses", "ses", "score", "school_id"]
    ).students
    assert (
        s.columns.tolist() == ["school", "score", "ses", "school_id", "district"]
        and (s["district"] == "B" + s["school"]).all()
    )
    assert "a covariate cannot be called 'school'" in str(
        error(read_scores, frame.assign(school="private"), covariates=["school"])
    )
    assert read_scores(frame, covariates="ses").students.columns.tolist() == [
        "school",
        "score",
        "ses",
    ]


def test_values_that_are_no_cells(tmp_path):
    frame = pupils().assign(ses=[[1, 2]] * 200)
    frame.to_parquet(tmp_path / "s.parquet")
    for source in (tmp_path / "s.parquet", frame):
        assert "list" in str(error(read_scores, source, covariates=["ses"]))
    assert "binary" in str(error(read_scores, frame.assign(score=b"1")))
    assert error(read_scores, frame.assign(score=True)).column == "score"


def test_a_parquet_file_of_other_types(tmp_path):
    "Small floats, decimals, dictionaries and 64-bit text are read as what they say."
    frame = pupils()
    table = pa.table(
        {
            "school_id": pa.array(frame["school_id"]).dictionary_encode(),
            "score": pa.array(frame["score"], pa.float32()),
            "ses": pa.array(frame["ses"]).cast(pa.decimal128(9, 3)),
            "area": pa.array(frame["area"], pa.large_string()),
        }
    )
    pa.parquet.write_table(table, tmp_path / "s.parquet", row_group_size=37)
    s = read_scores(tmp_path / "s.parquet", covariates=["ses", "area"])
    pd.testing.assert_frame_equal(
        s.students, frame.rename(columns={"school_id": "school"}), rtol=1e-6
    )


def test_choices_that_are_no_numbers():
    assert "grade third is no whole number; found: 3" in str(
        error(read_counts, good_counts(), grade="third")
    )
    assert read_counts(good_counts(), grade="3").grades == [3]


def test_names_and_archives(tmp_path):
    write(good_counts(), tmp_path / "c.xlsx").rename(tmp_path / "c.xls")
    assert len(read_counts(tmp_path / "c.xls").frame) == 16
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as z:
        z.writestr("c.csv", good_counts().to_csv(index=False))
    assert "is a zip archive; unpack it" in str(error(read_counts, tmp_path / "c.zip"))
    (tmp_path / "page.csv").write_text("<html><body>" + "404 " * 500 + "</body></html>\n")
    assert "is an HTML page" in str(error(read_counts, tmp_path / "page.csv"))
    assert "columns are mapped in tidy tables only" in str(
        error(read_counts, good_counts(), format="nyc", columns={"a": "school_id"})
    )


def test_the_fuzzers_seeds_are_valid(tmp_path):
    "Fuzzing (benchmarks/fuzz_readers.py) starts from files that are read; what it found is tested above."
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "benchmarks"))
    try:
        from fuzz_readers import seeds
    finally:
        sys.path.pop(0)
    seeds(tmp_path)
    for seed in sorted(tmp_path.glob("seed*")):
        body, path = seed.read_bytes(), tmp_path / "input"
        path.write_bytes(body[1:])
        try:
            read_scores(path, covariates=["ses"]) if body[0] == 1 else read_counts(
                path,
                format=("tidy", "", "eqao", "nyc", "pssa")[body[0]],
                years=2019 if body[0] == 4 else None,
            )
        except DataError as e:
            assert body[0] == 4 and "only one school" in str(e)


def test_a_workbook_cut_short(tmp_path):
    "Found by fuzzing: half a zip archive looks like one to some and not to others."
    write(good_counts(), tmp_path / "c.xlsx")
    body = (tmp_path / "c.xlsx").read_bytes()
    for cut in (100, len(body) // 2, len(body) - 60, len(body) - 5):
        (tmp_path / "c.xlsx").write_bytes(body[:cut] + body[cut + 3 :])
        try:
            read_counts(tmp_path / "c.xlsx")
        except DataError as e:
            assert "\n" not in str(e)
