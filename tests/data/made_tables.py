"Sound tables in small, and how a call that must fail is looked at."

import io
import re
import string
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from schoolvar.core.errors import DataError
from schoolvar.data.cells import REASONS
from schoolvar.data.columns import MISSING
from schoolvar.data.counts import read_counts
from schoolvar.data.identifiers import DATES, SCIENTIFIC
from schoolvar.data.scores import read_scores
from schoolvar.data.totals import named_total

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


def changed(row, column, value):
    frame = good_counts().astype(object)
    frame.loc[row, column] = value
    return frame


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


numbers = st.floats(-1e6, 1e6, allow_nan=False, width=32)


names = (
    st.text(
        st.sampled_from(string.ascii_letters + string.digits + "éßЖ \"',;-.&"),
        min_size=1,
        max_size=12,
    )
    .map(str.strip)
    # names of totals and ids that a spreadsheet has changed are refused
    .filter(lambda s: s and s not in MISSING and not named_total(s))
    .filter(lambda s: not re.fullmatch(f"{SCIENTIFIC}|{DATES}", s))
)


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


COUNTS = ["school_id", "year", "grade", "subject", "n_trials", "y_success", "district_id"]


def accounted(counts):
    "Kept, withheld and dropped are what was read; each withheld cell has a known reason."
    s = counts.source
    assert s["rows_read"] == s["rows_kept"] + s["rows_withheld"] + s["rows_dropped"]
    assert (s["rows_kept"], s["rows_withheld"], s["rows_dropped"]) == (
        len(counts.frame),
        len(counts.withheld),
        counts.dropped["rows"].sum(),
    )
    assert s["withheld"] == counts.withheld["reason_text"].value_counts().to_dict()
    assert (
        set(counts.withheld["reason"]) <= set(REASONS)
        and counts.withheld["reason_text"].ne("").all()
    )
    key = ["school_id", "year", "grade", "subject"]
    assert not counts.withheld[key].merge(counts.frame[key]).size
    return counts


def pssa(
    path,
    rows,
    title="2019 PSSA Grades 3 through 8 - School Level Proficiency Results*",
    names=("District Name", "School Name", "Percent Advanced", "Percent Proficient"),
):
    header = [
        "AUN",
        "School Number",
        names[0],
        names[1],
        "Subject",
        "Group",
        "Grade",
        "Number Scored",
        names[2],
        names[3],
    ]
    grid = [[title, *[""] * 9], ["* fewer than 11", *[""] * 9], header, *rows]
    pd.DataFrame(grid).to_excel(path, header=False, index=False, engine="xlsxwriter")
    return path


def row(
    number="000007302",
    subject="Math",
    group="All Students",
    grade=3,
    n=140,
    advanced=7.9,
    proficient=52.9,
    aun=112011103,
):
    return [
        aun,
        number,
        "BERMUDIAN SPRINGS SD",
        f"SCHOOL {number}",
        subject,
        group,
        grade,
        n,
        advanced,
        proficient,
    ]


def nyc(
    path,
    rows,
    title="NYC Results on the New York State 2013-2016 ELA Test (Grades 3-8)",
    passed="PassNum",
):
    body = "\n".join(",".join(map(str, r)) for r in rows)
    path.write_text(
        f"New York City Department of Education,,,,\n{title},,,,\n,,,,\n,,,,Level 3+4\n"
        f"DBN,Grade,Year,Category,Number Tested,{passed}\n{body}\n"
    )
    return path


EQAO = ["OrgType", "Grade", "BoardMident", "BoardName", "SchoolMident", "SchoolName"] + [
    c.format(s=s, k=k)
    for s, k in (("Read", "R"), ("Write", "W"), ("Math", "M"))
    for c in ("cntStudents_{s}", "cntFullyParticipating_{s}", "cntOverall{k}_L34")
]


def eqao(*schools):
    "A file with totals above the schools; a school is its number and nine cells."
    total = [["P", 3, "", "", "", "", *[9] * 9], ["B", 3, 1, "Board", "", "", *[9] * 9]]
    return pd.DataFrame(
        total + [["S", 3, 1, "Board", i, f"School {i}", *cells] for i, cells in schools],
        columns=EQAO,
    )


GOOD = [40, 38, 20] * 3
