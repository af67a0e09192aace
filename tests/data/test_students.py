"Students as they come: gaps, covariates, faults over all batches."

import numpy as np

from schoolvar.data import text_files
from schoolvar.data.scores import read_scores
from tests.data.made_tables import error, pupils, write


def test_missing_scores_and_covariates_are_counted():
    frame = pupils()
    frame.loc[[1, 5], "score"], frame.loc[[5, 7], "ses"], frame.loc[9, "area"] = (
        np.nan,
        np.nan,
        None,
    )
    s = read_scores(frame, covariates=["ses", "area"])
    assert dict(zip(s.dropped["reason"], s.dropped["rows"], strict=True)) == {
        "no score": 2,
        "no ses": 1,
        "no area": 1,
    }
    assert s.source["rows_read"] == 200 == s.n + 4 == len(s.students) + 4
    assert "no score: 2 rows" in s.summary()


def test_faults_are_counted_over_all_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "BLOCK", 512)
    frame = pupils(3000)
    frame["score"] = frame["score"].astype(object)
    frame.loc[[700, 2999], "score"] = ["x", "y"]
    e = error(read_scores, write(frame, tmp_path / "s.csv"))
    assert e.rows == [702, 3001] and e.total == 2 and e.value == "x"


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
