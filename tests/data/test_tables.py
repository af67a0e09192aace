"Every kind of file and a data frame, and what is no table."

import gzip
import os
import re
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schoolvar.core.errors import DataError
from schoolvar.data import incoming
from schoolvar.data.counts import read_counts
from schoolvar.data.scores import read_scores
from tests.data.made_tables import (
    counts_or_one_line,
    error,
    good_bytes,
    good_counts,
    pupils,
    quick,
    write,
)


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
    "Numbers for ids, floats where a gap made them so, categories and booleans read as the same."
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

    monkeypatch.setattr(incoming, "open", refuse, raising=False)
    assert "cannot be read: Permission denied" in str(error(read_counts, tmp_path / "nul.csv"))


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
    "Found by fuzzing: one wrong bit in a cell or in a column's name, which is in several places."
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
    "Fuzzing (benchmarks/fuzz_readers.py) starts from files that are read."
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
