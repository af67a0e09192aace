"""Coverage-guided fuzzing of the readers: whatever the bytes, a result that obeys the rules or a
`DataError` of one line.

    pip install atheris                              Linux, macOS; not a dependency of schoolvar
    python benchmarks/fuzz_readers.py --seconds 60   from small files of every kind
    python benchmarks/fuzz_readers.py --seconds 600 --corpus fuzz-corpus
                                                     keep what was found, and go on from there

An input that ends in anything else is written to `crash-...` in the working directory, and the
exit status is not 0.
"""

import argparse
import sys
import tempfile
import warnings
from pathlib import Path


def seeds(folder):
    "Small valid files of every kind; the first byte of a seed says which reader it is for."
    import gzip

    import pandas as pd

    tidy = pd.DataFrame(
        [
            (f"{s:03d}", y, 3, k, 40, 10 + s, "D1", "95%")
            for s in range(3)
            for y in (2021, 2022)
            for k in ("Math", "Reading")
        ],
        columns=[
            "school_id",
            "year",
            "grade",
            "subject",
            "n_trials",
            "y_success",
            "district_id",
            "participation",
        ],
    )
    pupils = pd.DataFrame(
        {"school_id": ["01", "01", "02", "02"], "score": [1.5, 2.5, None, 4], "ses": [1, 2, 3, 4]}
    )
    eqao = (
        "OrgType,Grade,BoardMident,BoardName,SchoolMident,SchoolName,cntStudents_Read,"
        "cntFullyParticipating_Read,cntOverallR_L34,Year\n"
        "P,3,,,,,80,76,52,2023\nS,3,1,Board,10,A,40,38,26,2023\nS,3,1,Board,11,B,N/R,N/R,"
        "N/R,2023\nS,3,1,Board,12,C,40,38,0,2023\n"
    )
    nyc = (
        "New York City,,,,,\nELA Test,,,,,\nDBN,School Name,Grade,Year,Category,Number "
        "Tested,PassNum\n01M015,A,3,2013,All Students,27,2\n"
        "01M019,B,3,2013,All Students,4,s\n02M019,C,3,2014,All "
        "Students,40,39\n02M019,C,All Grades,2014,All Students,40,39\n"
    )
    pssa = (
        "2019 PSSA\nAUN,School Number,District Name,School "
        "Name,Subject,Group,Grade,Number Scored,Percent Advanced,Percent Proficient\n"
        "112011103,000007302,D,A,Math,All "
        "Students,3,140,7.9,52.9\n112011103,000007303,D,B,Math,All "
        "Students,Total,140,7.9,52.9\n112011103,000007304,D,B,Math,All Students,4,9,,\n"
    )
    text = {
        b"\0": tidy.to_csv(index=False),
        b"\1": pupils.to_csv(index=False),
        b"\2": eqao,
        b"\3": nyc,
        b"\4": pssa,
    }
    files = (
        [(k, v.encode()) for k, v in text.items()]
        + [(k, v.replace(",", ";").encode("utf-16")) for k, v in text.items()]
        + [(k, gzip.compress(v.encode())) for k, v in text.items()]
    )
    for kind, table in ((b"\0", tidy), (b"\1", pupils)):
        table.to_parquet(folder / "x.parquet")
        table.to_excel(folder / "x.xlsx", index=False, engine="xlsxwriter")
        files += [(kind, (folder / name).read_bytes()) for name in ("x.parquet", "x.xlsx")]
    for i, (kind, body) in enumerate(files):
        (folder / f"seed{i:02d}").write_bytes(kind + body)
    for name in ("x.parquet", "x.xlsx"):
        (folder / name).unlink()


WORDS = [
    "school_id",
    "score",
    "OrgType",
    "DBN",
    "AUN",
    "Total",
    "All Grades",
    "All Students",
    "N/R",
    "S. R.",
    "N/D",
    "nan",
    "inf",
    "-1",
    "1e400",
    "2.5",
    "99999999999999999999",
    "0",
    "%",
    ";",
    '"',
    "\r\n",
    "\n\n",
    ",,",
    "É",
]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument(
        "--corpus", type=Path, help="folder that keeps the inputs that reached something new"
    )
    args = parser.parse_args()
    try:
        import atheris
    except ImportError:
        sys.exit("fuzz_readers.py needs atheris: pip install atheris")
    with atheris.instrument_imports(
        include=[
            "schoolvar.data.tables",
            "schoolvar.data.formats",
            "schoolvar.data.scores",
            "schoolvar.data.moments",
        ]
    ):
        from schoolvar.core.errors import DataError
        from schoolvar.data.counts import read_counts
        from schoolvar.data.scores import read_scores
    warnings.simplefilter("error")
    scratch = Path(tempfile.mkdtemp())
    corpus = args.corpus or scratch / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    seeds(corpus)
    path = scratch / "input"
    (scratch / "words").write_text(
        "".join(f'"{"".join(f"{chr(92)}x{b:02x}" for b in w.encode())}"\n' for w in WORDS),
        encoding="ascii",
    )

    def one(data):
        if not data:
            return
        path.write_bytes(data[1:])
        kind = data[0] % 5
        try:
            got = (
                read_scores(path, covariates=["ses"])
                if kind == 1
                else read_counts(
                    path,
                    format=("tidy", "", "eqao", "nyc", "pssa")[kind],
                    years=2019 if kind == 4 else None,
                )
            )
        except DataError as e:
            assert str(e) and len(str(e)) <= 1000 and "\n" not in str(e)
            return
        s = got.source
        assert s["rows_read"] == s["rows_kept"] + s.get("rows_withheld", 0) + s["rows_dropped"]
        if kind == 1:
            assert (
                (got.schools["n"] > 0).all()
                and (got.schools["ss"] >= 0).all()
                and len(got.students) == got.n
            )
        else:
            assert (
                got.frame["y_success"].between(0, got.frame["n_trials"]).all()
                and (got.frame["n_trials"] > 0).all()
                and not got.frame.duplicated(["school_id", "year", "grade", "subject"]).any()
            )

    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-max_total_time={args.seconds}",
            f"-dict={scratch / 'words'}",
            "-max_len=20000",
            "-timeout=60",
            "-print_final_stats=1",
        ],
        one,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
