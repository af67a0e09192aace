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


def tables():
    "Small valid tables of every kind; the first byte of a seed says which reader it is for."
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
    return (
        tidy,
        pupils,
        {
            b"\0": tidy.to_csv(index=False),
            b"\1": pupils.to_csv(index=False),
            b"\2": eqao,
            b"\3": nyc,
            b"\4": pssa,
        },
    )


def seeds(folder):
    "Write the small tables in every form that is read."
    import gzip

    tidy, pupils, text = tables()
    files = (
        [(kind, table.encode()) for kind, table in text.items()]
        + [(kind, table.replace(",", ";").encode("utf-16")) for kind, table in text.items()]
        + [(kind, gzip.compress(table.encode())) for kind, table in text.items()]
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


def obeys(kind, got):
    "The rules that hold of every table that was read."
    source = got.source
    gone = source.get("rows_withheld", 0) + source["rows_dropped"]
    assert source["rows_read"] == source["rows_kept"] + gone
    if kind == 1:
        assert (got.schools["n"] > 0).all() and (got.schools["ss"] >= 0).all()
        assert len(got.students) == got.n
    else:
        assert got.frame["y_success"].between(0, got.frame["n_trials"]).all()
        assert (got.frame["n_trials"] > 0).all()
        assert not got.frame.duplicated(["school_id", "year", "grade", "subject"]).any()


def reader_of(path):
    "Reads bytes as one of the five kinds of table; the readers are those that are instrumented."
    from schoolvar.core.errors import DataError
    from schoolvar.data.counts import read_counts
    from schoolvar.data.scores import read_scores

    def read(kind):
        if kind == 1:
            return read_scores(path, covariates=["ses"])
        layout = ("tidy", "", "eqao", "nyc", "pssa")[kind]
        return read_counts(path, format=layout, years=2019 if kind == 4 else None)

    def one(data):
        if not data:
            return
        path.write_bytes(data[1:])
        kind = data[0] % 5
        try:
            got = read(kind)
        except DataError as error:
            said = str(error)
            assert said and len(said) <= 1000 and "\n" not in said
            return
        obeys(kind, got)

    return one


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
    warnings.simplefilter("error")
    scratch = Path(tempfile.mkdtemp())
    looked_at = [f"schoolvar.data.{name}" for name in ("tables", "formats", "scores", "moments")]
    with atheris.instrument_imports(include=looked_at):
        one = reader_of(scratch / "input")
    corpus = args.corpus or scratch / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    seeds(corpus)
    words = ("".join(f"{chr(92)}x{byte:02x}" for byte in word.encode()) for word in WORDS)
    (scratch / "words").write_text("".join(f'"{word}"\n' for word in words), encoding="ascii")
    options = [
        f"-max_total_time={args.seconds}",
        f"-dict={scratch / 'words'}",
        "-max_len=20000",
        "-timeout=60",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], str(corpus), *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
