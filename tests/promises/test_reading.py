"""What is read, beyond single tables.

Spreads as observed, tables that must belong together, pipes, bombs, names that attack.
"""

import gzip
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from schoolvar.cli.main import main
from schoolvar.cli.workflow import match_schools, read_aloud
from schoolvar.consistency.fit import fit_consistency
from schoolvar.core.errors import DataError
from schoolvar.data.checks import ALLOW, DataWarning
from schoolvar.data.counts import read_counts
from schoolvar.data.province import simulate_province
from schoolvar.data.scores import read_scores

SHORT = dict(draws=20, rounds=1, cache=False)
COMMAND = [sys.executable, "-c", "from schoolvar.cli.main import main; main()"]


def run(capsys, *args):
    "Status and lines on standard error of a command."
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in args])
    return end.value.code or 0, capsys.readouterr().err.splitlines()


def students(schools=12, each=30, seed=1):
    "Scores of which school s3 has one value only, s4 one student."
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "school_id": [f"s{i}" for i in range(schools) for _ in range(each)],
            "score": rng.normal(500, 80, schools * each).round(1),
        }
    )
    frame.loc[frame["school_id"] == "s3", "score"] = 512.0
    return frame.drop(frame.index[frame["school_id"] == "s4"][1:])


# -- spreads


def test_the_observed_spread_is_the_observed_one():
    "Not the one that the model takes where scores are all the same; and empty for one student."
    frame = students()
    fit = fit_consistency(read_scores(frame), sampler=SHORT)
    seen = frame.groupby("school_id")["score"].std().reindex(fit.schools["school"])
    np.testing.assert_allclose(fit.schools["raw_sd"], seen, rtol=1e-9, atol=1e-9)
    raw = fit.schools.set_index("school")["raw_sd"]
    assert raw["s3"] == 0 and np.isnan(raw["s4"])


def test_all_the_same_is_said_where_it_is_so():
    frame = students()
    said = " ".join(fit_consistency(read_scores(frame), sampler=SHORT).manifest["notes"])
    assert "In 1 of 12 schools the scores are (nearly) all the same" in said
    frame.loc[frame.index[:2], "score"] = 30_000.0  # one school dwarfs the others
    scores = read_scores(frame, allow="sentinels")
    said = " ".join(fit_consistency(scores, sampler=SHORT).manifest["notes"])
    assert "In 1 of 12 schools the scores are (nearly) all the same" in said
    assert "In 9 of 12 schools the SD is below a twentieth of the pooled one" in said


# -- tables that belong together


@pytest.fixture(scope="module")
def province():
    return simulate_province(seed=3)


def test_what_tables_have_in_common_is_said(province):
    said = []
    scores, counts = (
        read_scores(province.scores, district="district_id"),
        read_counts(province.counts),
    )
    match_schools(scores, counts, said.append)
    schools = len(set(scores.schools["school"]) & set(counts.schools))
    assert (
        len(said) == 1
        and f"{schools} schools in common" in said[0]
        and "districts in common" in said[0]
    )


def test_scores_and_counts_of_other_schools_stop_the_run(province, tmp_path, capsys):
    province.counts.to_csv(tmp_path / "counts.csv", index=False)
    other = province.scores.assign(school_id=lambda d: "X" + d["school_id"].astype(str))
    other.to_csv(tmp_path / "scores.csv", index=False)
    status, said = run(
        capsys,
        "run",
        "--counts",
        tmp_path / "counts.csv",
        "--scores",
        tmp_path / "scores.csv",
        "--out",
        tmp_path / "out",
    )
    # a table of two megabytes is named before it is read
    assert [line.split("(")[0] for line in said[:-1]] in ([], ["reading scores.csv "])
    assert status == 2 and "scores and counts have no school in common" in said[-1]
    assert "--allow nothing-in-common" in said[-1] and not (tmp_path / "out").exists()


def test_ids_that_lost_their_zeros_are_brought_together_when_asked():
    counts = pd.DataFrame(
        [(f"{s:03d}", y, 3, "Math", 40 + s, 20 + y % 7) for s in range(1, 9) for y in (2021, 2022)],
        columns=["school_id", "year", "grade", "subject", "n_trials", "y_success"],
    )
    scores = pd.DataFrame(
        {
            "school_id": [str(s) for s in range(1, 9) for _ in range(9)],
            "score": np.arange(72) % 13.0,
        }
    )
    tables = read_scores(scores), read_counts(counts)
    with pytest.raises(DataError, match="--unify-ids"):
        match_schools(*tables, print)
    both = match_schools(*tables, print, unify_ids=True)
    assert set(both.schools["school"]) == set(counts["school_id"])


def test_covariates_of_other_schools_stop_the_fit(province, tmp_path, capsys):
    province.counts.to_csv(tmp_path / "counts.csv", index=False)
    (tmp_path / "schools.csv").write_text("school_id,ses\nX1,1\nX2,2\n")
    status, said = run(
        capsys,
        "achievement",
        tmp_path / "counts.csv",
        "--grade",
        3,
        "--covariates",
        tmp_path / "schools.csv",
        "--out",
        tmp_path / "out",
    )
    assert (
        status == 2
        and len(said) == 1
        and "covariates and counts have no school in common" in said[0]
    )


# -- what is meant can be let through


@pytest.mark.parametrize("command", ["consistency", "achievement", "compare", "value-added", "run"])
def test_help_names_all_that_can_be_allowed(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for option in ("--decimal", "--thousands", "--unify-ids", *ALLOW):
        assert option in shown
    page = (Path(__file__).resolve().parents[2] / "guides/files.qmd").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in ALLOW)


def test_a_name_that_there_is_not_is_one_line(tmp_path, capsys):
    students().to_csv(tmp_path / "s.csv", index=False)
    status, said = run(
        capsys,
        "consistency",
        tmp_path / "s.csv",
        "--allow",
        "everything",
        "--out",
        tmp_path / "out",
    )
    assert (
        status == 2
        and len(said) == 1
        and "nothing called 'everything' to allow; names: totals" in said[0]
    )


def test_what_was_allowed_stands_in_the_manifest(tmp_path):
    frame = students()
    frame.loc[5, "score"] = -999
    scores = read_scores(frame, allow="sentinels")
    assert scores.source["allowed"] == ["sentinels"]
    with pd.ExcelWriter(tmp_path / "s.xlsx", engine="xlsxwriter") as book:
        students().to_excel(book, sheet_name="Grade 3", index=False)
    scores = read_scores(tmp_path / "s.xlsx")
    assert scores.source["sheet"] == "Grade 3" and "'Grade 3'" in scores.summary()


def test_a_doubt_is_warned_of_and_said(tmp_path):
    frame = students()
    frame.loc[5, "score"] = 5120
    with pytest.warns(DataWarning, match="5120"):
        read_scores(frame)
    said = []
    read_aloud(read_scores, frame, say=said.append)
    assert len(said) == 1 and said[0].startswith("warning: ") and "5120 (once)" in said[0]


def test_a_terminal_hears_of_it_before_anything_is_read(monkeypatch, tmp_path):
    from schoolvar.core import progress as incoming_progress

    monkeypatch.setattr(incoming_progress, "shows_progress", lambda: True)
    said = []
    with pytest.raises(DataError):
        read_aloud(read_scores, tmp_path / "none.csv", say=said.append)
    assert said == ["reading none.csv"]


# -- pipes, bombs and names


def test_standard_input_is_read(tmp_path):
    frame = students()
    frame.loc[7, "score"] = -1e13
    r = subprocess.run(
        [*COMMAND, "consistency", "/dev/stdin", "--out", "out"],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        input=frame.to_csv(index=False),
        env={**os.environ, "TMPDIR": str(tmp_path / "t"), "CI": "true"}
        if (tmp_path / "t").mkdir() is None
        else None,
    )
    assert r.returncode == 2 and "stdin: column score" in r.stderr and "(row 9" in r.stderr
    assert not list((tmp_path / "t").glob("schoolvar-data-*"))  # the copy is gone


PEAK = """
import resource, sys
from schoolvar.data.counts import read_counts
import pandera.pandas
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_counts(sys.argv[1])
except ValueError as error:
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print((after - before) // 1024, error)
"""


def spent(path):
    "Megabytes that reading took, and the line."
    r = subprocess.run(
        [sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, timeout=120
    )
    assert r.returncode == 0, r.stderr
    megabytes, _, line = r.stdout.strip().partition(" ")
    return int(megabytes), line


def far_workbook(path):
    import xlsxwriter

    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write("A1", "school_id")
        sheet.write("XFD1048576", 1)


def lying_workbook(path):
    "The sheet says that it ends at B2."
    far_workbook(path)
    with zipfile.ZipFile(path) as old:
        parts = {n: old.read(n) for n in old.namelist()}
    name = "xl/worksheets/sheet1.xml"
    parts[name] = parts[name].replace(b'ref="A1:XFD1048576"', b'ref="A1:B2"')
    assert b'ref="A1:B2"' in parts[name]
    with zipfile.ZipFile(path, "w") as new:
        for part, body in parts.items():
            new.writestr(part, body)


def bomb_workbook(path):
    "Shared texts of 1.5 GB."
    far_workbook(path)
    with zipfile.ZipFile(path) as old:
        parts = {n: old.read(n) for n in old.namelist() if n != "xl/sharedStrings.xml"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for part, body in parts.items():
            new.writestr(part, body)
        with new.open("xl/sharedStrings.xml", "w", force_zip64=True) as part:
            for _ in range(1536):
                part.write(b" " * (1 << 20))


def bomb_gzip(path):
    "One row of 300 MB."
    with gzip.open(path, "wb", compresslevel=1) as f:
        for _ in range(300):
            f.write(b"a" * (1 << 20))


@pytest.mark.parametrize(
    "make, said",
    [
        (far_workbook, "reach to XFD1048576"),
        (lying_workbook, "reach to XFD1048576"),
        (bomb_workbook, "more than 1 GB"),
        (bomb_gzip, "a row of more than"),
    ],
)
def test_bombs_are_one_line_and_little_memory(make, said, tmp_path):
    path = tmp_path / "counts.xlsx"
    make(path)
    megabytes, line = spent(path)
    assert said in line and megabytes < 250


def test_a_gzip_file_that_unpacks_without_end_is_stopped(tmp_path, monkeypatch):
    from schoolvar.data import incoming

    monkeypatch.setattr(incoming, "UNPACKED_MOST", 1 << 20)
    (tmp_path / "s.csv.gz").write_bytes(gzip.compress(b"school_id,score\n" + b"1,2\n" * 2_000_000))
    with pytest.raises(DataError, match="unpacks to more than"):
        read_scores(tmp_path / "s.csv.gz")


def test_nothing_from_a_file_moves_the_cursor(tmp_path, capsys):
    "Ids, subjects, names of columns, sheets and files."
    evil = "\x1b]0;x\x07\x1b[2J\u202e"
    frame = pd.DataFrame(
        [(f"{evil}{s}", 2021, 3, evil, 40, 41) for s in range(3)],
        columns=["school_id", "year", "grade", "subject", "n_trials", "y_success"],
    )
    frame.to_csv(tmp_path / f"c{evil}.csv", index=False)
    frame.rename(columns={"subject": evil}).to_csv(tmp_path / "d.csv", index=False)
    frame.assign(y_success=20, school_id=[evil, evil.upper(), f"{evil}b"]).to_csv(
        tmp_path / "e.csv", index=False
    )
    for name in (f"c{evil}.csv", "d.csv", "e.csv"):
        status, said = run(capsys, "achievement", tmp_path / name, "--out", tmp_path / "out")
        assert status == 2 and len(said) == 1 and said[0].isprintable() and "\\x1b" in said[0]


# Large files

BLIND = "import sys; sys.modules |= dict.fromkeys(['pandas', 'pyarrow']); " + COMMAND[-1]


@pytest.mark.parametrize(
    "words",
    [
        ("achievement", "BIG"),
        ("compare", "BIG"),
        ("value-added", "BIG"),
        ("consistency", "BIG"),
        ("run", "--counts", "BIG"),
        ("run", "--scores", "BIG"),
        ("rerun", "achievement", "--data", "BIG"),
    ],
)
def test_a_large_file_is_named_before_anything_is_imported_to_read_it(words, tmp_path):
    "Where nothing can be read at all, for pandas cannot be imported, the line is there."
    big = tmp_path / "big.csv"
    big.write_text(
        "school_id,year,grade,subject,n_trials,y_success,score\n" + "A,1,3,M,9,9,9\n" * 200_000
    )
    argv = [str(big) if word == "BIG" else word for word in words]
    said = subprocess.run(
        [sys.executable, "-c", BLIND, *argv, "--out", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "CI": "true"},
    ).stderr
    assert said.startswith("reading big.csv (2.8 MB) ...\n"), said[:300]


def test_a_small_file_is_not_named(tmp_path, capsys):
    (tmp_path / "small.csv").write_text("school_id,year\n")
    with pytest.raises(SystemExit):
        main(["achievement", str(tmp_path / "small.csv"), "--out", str(tmp_path / "out")])
    assert "reading" not in capsys.readouterr().err
