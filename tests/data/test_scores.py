"Scores: the same from every kind of file, and what no model can use."

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schoolvar.core.errors import DataError
from schoolvar.data.scores import read_scores
from tests.data.made_tables import error, names, numbers, pupils, quick, write


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


def test_five_million_students_need_little_memory(tmp_path):
    "With fewer of them: memory must not grow with students (in full: benchmarks/bench_read.py)."
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
