"""Messy inputs as people have them: what stands in the file, and what a person would expect.

Expectations are written from the file, not from the code: `Right` gives the numbers that a
person reads there, `Refused` the column and the rows that a person would point at, `Warned` the
numbers and a word of the doubt. `test_messy.py` reads every case; `tools/messy.py` makes a page
of them.
"""

import gzip
import io
import os
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

HEADER = ["school_id", "year", "grade", "subject", "n_trials", "y_success"]
N = [31, 33, 28, 30, 52, 50, 47, 49, 22, 24, 26, 21]
Y = [17, 20, 11, 15, 30, 22, 25, 31, 9, 12, 14, 8]
KEYS = [
    (s, y, 3, k) for s in ("101", "102", "103") for y in (2021, 2022) for k in ("Math", "Reading")
]
# what a person reads in the sound table
BASE = dict(zip(KEYS, zip(N, Y, strict=True), strict=True))
SCORES = {
    "11": [512.5, 498.1, 530.2, 471.9, 505.5, 489.6],
    "12": [455.3, 470.7, 462.4, 480.1, 449.2, 466.0],
    "13": [540.6, 522.9, 518.3, 551.7, 533.4, 527.8],
}
MEANS = {school: (len(v), sum(v) / len(v)) for school, v in SCORES.items()}


@dataclass
class Right:
    """Read, and these are the numbers.

    {(school, year, grade, subject): (n, y)} or {school: (n, mean)}.
    """

    numbers: dict
    says: tuple = ()  # words of what is said beside them


@dataclass
class Refused:
    "Not read; the line names these."

    says: tuple = ()  # words of the line, any case
    column: str | None = None
    rows: tuple = ()  # the rows it names, as a person counts them, or the first of them


@dataclass
class Warned:
    "Read, with a doubt."

    numbers: dict
    says: tuple = ()


@dataclass
class Case:
    name: str
    group: str
    person: str  # what a person would expect, in a sentence
    # bytes or text of the file, or a function of the folder that gives the path
    content: object
    expect: object
    reader: str = "counts"
    file: str = "counts.csv"
    options: dict = field(default_factory=dict)
    command: bool = False  # whether it also goes through the command line

    def make(self, folder: Path) -> Path:
        "The file, in a folder."
        if callable(self.content):
            return self.content(folder)
        path = folder / self.file
        body = self.content.encode() if isinstance(self.content, str) else self.content
        path.write_bytes(body)
        return path


# ------------------------------------------------------------------------------------------ tables


def rows(edit=None, header=None, base=None):
    "The sound table as lists of text, with some cells changed: {(row of the file, column): text}."
    body = [[*map(str, key), str(n), str(y)] for key, (n, y) in (base or BASE).items()]
    names = HEADER if header is None else header
    for (row, column), value in (edit or {}).items():
        body[row - 2][HEADER.index(column)] = value
    return [names, *body]


def quoted(cell, sep):
    "A cell of a CSV, in quotation marks where it needs them."
    if any(c in cell for c in (sep, '"', "\n")):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def csv(table=None, sep=",", end="\n", **how):
    "A table as CSV."
    lines = [sep.join(quoted(cell, sep) for cell in row) for row in table or rows(**how)]
    return end.join(lines) + end


def whole_column(column, values):
    "An edit that gives a column other values, from the first row on."
    return {(i + 2, column): str(v) for i, v in enumerate(values)}


def with_column(name, values, table=None):
    "The table with one more column."
    table = table or rows()
    return [[*table[0], name], *[[*row, str(v)] for row, v in zip(table[1:], values, strict=True)]]


def score_rows(edit=None, schools=None):
    "One row a student."
    body = [[s, f"{v}"] for s, values in (schools or SCORES).items() for v in values]
    for (row, column), value in (edit or {}).items():
        body[row - 2][("school_id", "score").index(column)] = value
    return [["school_id", "score"], *body]


def means(schools):
    "Number and mean of each school's scores."
    return {s: (len(v), sum(v) / len(v)) for s, v in schools.items()}


def changed(edit, keep=BASE):
    "Numbers of the sound table with some keys' numbers changed."
    return {**keep, **edit}


def renamed(old, new):
    "Numbers of the sound table with one school called otherwise."
    return {(new if k[0] == old else k[0], *k[1:]): v for k, v in BASE.items()}


def many(schools=40, seed=0):
    "Rows of more schools, whose numbers differ: (school, n, y)."
    state = 12345 + seed
    for s in range(schools):
        state = (1103515245 * state + 12345) % 2**31
        n = 40 + state // 65536 % 240
        state = (1103515245 * state + 12345) % 2**31
        share = 30 + state // 65536 % 50
        yield f"{201 + s}", n, share


def workbook(path, sheets, finish=None):
    "A workbook of {sheet: table}; cells that look like numbers are numbers."
    with xlsxwriter.Workbook(path, {"strings_to_numbers": True}) as book:
        for name, table in sheets.items():
            sheet = book.add_worksheet(name)
            for r, row in enumerate(table):
                sheet.write_row(r, 0, row)
        if finish:
            finish(book)
    return path


def excel(sheets=None, finish=None):
    "A maker of a workbook."
    return lambda folder: workbook(folder / "counts.xlsx", sheets or {"Counts": rows()}, finish)


def parquet(change):
    "A maker of a Parquet file of the sound table, changed."

    def make(folder):
        frame = pd.DataFrame([(*k, n, y) for k, (n, y) in BASE.items()], columns=HEADER)
        pq.write_table(
            change(pa.Table.from_pandas(frame, preserve_index=False)), folder / "c.parquet"
        )
        return folder / "c.parquet"

    return make


def set_column(table, name, values):
    "A Parquet table with another column under a name."
    return table.set_column(table.column_names.index(name), name, values)


# ------------------------------------------------------------------------------------------- text


def text_cases():
    "Delimiters, encodings, quotation marks and the shape of a CSV."
    group = "Text files"
    same = "The table is the same whatever divides its columns."
    for name, sep in (("commas", ","), ("semicolons", ";"), ("tabs", "\t"), ("bars", "|")):
        yield Case(f"divided by {name}", group, same, csv(sep=sep), Right(BASE))
    for name, end in (("Windows line ends", "\r\n"), ("line ends of an old Mac", "\r")):
        yield Case(name, group, "Line ends do not matter.", csv(end=end), Right(BASE))
    for name, code in (("UTF-8 with a mark", "utf-8-sig"), ("UTF-16 with a mark", "utf-16")):
        yield Case(
            name, group, "What Excel saves as Unicode is read.", csv().encode(code), Right(BASE)
        )
    yield Case(
        "UTF-16 without a mark",
        group,
        "It cannot be told; the line says so.",
        csv().encode("utf-16-le"),
        Refused(("binary",)),
    )
    yield Case(
        "UTF-32", group, "Nobody saves it; the line says so.", csv().encode("utf-32"), Refused()
    )
    named = rows(edit={(4, "subject"): "Français"})
    french = {
        (k[0], k[1], k[2], "Français") if i == 2 else k: v for i, (k, v) in enumerate(BASE.items())
    }
    for code in ("latin-1", "cp1252", "mac-roman"):
        yield Case(
            f"accents in {code}, unasked",
            group,
            "The first row with an accent is named, and the option.",
            csv(named).encode(code),
            Refused(("--encoding",), rows=(4,)),
            command=code == "cp1252",
        )
    for code in ("latin-1", "cp1252", "mac-roman"):
        yield Case(
            f"accents in {code}, asked for",
            group,
            "The accents are right.",
            csv(named).encode(code),
            Right(french),
            options=dict(encoding=code),
        )
    yield Case("accents in UTF-8", group, "The accents are right.", csv(named), Right(french))
    yield Case(
        "Korean in EUC-KR, unasked",
        group,
        "The row is named.",
        csv(rows(edit={(2, "subject"): "수학"})).encode("euc-kr"),
        Refused(rows=(2,)),
    )
    yield Case(
        "Korean in EUC-KR, asked for",
        group,
        "The letters are right.",
        csv(rows(edit=whole_column("subject", ["수학", "국어"] * 6))).encode("euc-kr"),
        Right({(*k[:3], {"Math": "수학", "Reading": "국어"}[k[3]]): v for k, v in BASE.items()}),
        options=dict(encoding="euc-kr"),
    )
    yield Case(
        "an encoding that does not exist",
        group,
        "The line says so.",
        csv(),
        Refused(("klingon",)),
        options=dict(encoding="klingon"),
    )
    yield Case(
        "all cells in quotation marks",
        group,
        "Marks are no part of cells.",
        "\n".join(",".join(f'"{c}"' for c in r) for r in rows()),
        Right(BASE),
    )
    yield Case(
        "a name with a comma in marks",
        group,
        "One cell.",
        csv(with_column("school_name", ["Smith, John PS"] * 12)),
        Right(BASE),
    )
    yield Case(
        "a name over two lines",
        group,
        "One cell.",
        csv(with_column("school_name", ["Smith\nPS"] * 12)),
        Right(BASE),
    )
    yield Case(
        "a mark that is not closed",
        group,
        "The row where it opens is named.",
        csv().replace("102,2021,3,Math", '"102,2021,3,Math', 1),
        Refused(("quotation mark",), rows=(6,)),
    )
    yield Case(
        "a mark within a name",
        group,
        "Either read or named.",
        csv(with_column("school_name", ['The 5" School'] * 12)),
        Right(BASE),
    )
    short, long = (
        csv().replace("102,2021,3,Math,52,30\n", new, 1)
        for new in ("102,2021,3\n", "102,2021,3,Math,52,30,9\n")
    )
    yield Case(
        "a row with too few cells",
        group,
        "The row is named.",
        short,
        Refused(("fields",), rows=(6,)),
        command=True,
    )
    yield Case(
        "a row with too many cells",
        group,
        "The row is named.",
        long,
        Refused(("fields",), rows=(6,)),
    )
    yield Case(
        "rows that end with a comma",
        group,
        "The first row is named.",
        csv().replace("\n", ",\n").replace(",\n", "\n", 1),
        Refused(("fields",), rows=(2,)),
    )
    yield Case(
        "all rows end with a comma",
        group,
        "An empty column is no trouble.",
        csv().replace("\n", ",\n"),
        Right(BASE),
    )
    yield Case(
        "blank lines in the middle",
        group,
        "They do not count.",
        csv().replace("102,2021,3,Math", "\n\n102,2021,3,Math", 1),
        Right(BASE),
    )
    yield Case(
        "rows of commas only", group, "They do not count.", csv() + ",,,,,\n,,,,,\n", Right(BASE)
    )
    yield Case(
        "no end of the last line", group, "The last row counts.", csv().rstrip("\n"), Right(BASE)
    )
    yield Case(
        "a title above the header",
        group,
        "The header is found.",
        "Results of 2021 and 2022\n\n" + csv(),
        Right(BASE),
    )
    yield Case(
        "titles with commas above the header",
        group,
        "The header is found.",
        "Ministry of Education,,,,,\nResults,,,,,\n" + csv(),
        Right(BASE),
    )
    yield Case(
        "a fault below a title",
        group,
        "Rows are counted as they stand in the file.",
        "Results\n\n" + csv(edit={(3, "y_success"): "99"}),
        Refused(("more successes",), "y_success", (5,)),
    )
    yield Case(
        "a row of units below the header",
        group,
        "The row is named.",
        csv().replace("\n", "\n,,,,students,students\n", 1),
        Refused(column="n_trials", rows=(2,)),
    )
    yield Case(
        "a second header in the middle",
        group,
        "The row is named.",
        csv().replace("102,2021,3,Math", ",".join(HEADER) + "\n102,2021,3,Math", 1),
        Refused(rows=(6,)),
    )
    yield Case(
        "a footnote below",
        group,
        "The row is named.",
        csv() + "* fewer than ten students,,,,,\n",
        Refused(rows=(14,)),
    )
    yield Case(
        "a footnote in one cell",
        group,
        "The row is named.",
        csv() + "Source: Ministry\n",
        Refused(("field",), rows=(14,)),
    )
    yield Case(
        "a comment line above", group, "The header is found.", "# made by R\n" + csv(), Right(BASE)
    )
    yield Case(
        "sep=; in the first line",
        group,
        "What Excel writes is read.",
        "sep=;\n" + csv(sep=";"),
        Right(BASE),
    )
    yield Case(
        "fixed width", group, "It is no table of cells.", csv(sep="  "), Refused(("no column",))
    )
    yield Case("blanks around cells", group, "They do not count.", csv(sep=" , "), Right(BASE))
    yield Case("an empty file", group, "The line says so.", "", Refused(("empty",)), command=True)
    yield Case("a file of blank lines", group, "The line says so.", "\n \n\n", Refused(("empty",)))
    yield Case(
        "a header and nothing else",
        group,
        "The line says so.",
        csv(rows()[:1]),
        Refused(("no rows",)),
    )
    yield Case(
        "no header",
        group,
        "The columns that were found are listed.",
        csv(rows()[1:]),
        Refused(("no column",)),
    )
    yield Case(
        "a null byte",
        group,
        "The line says so.",
        csv().encode().replace(b"52", b"5\0"),
        Refused(("binary",)),
    )
    yield Case("noise", group, "The line says so.", bytes(range(256)) * 40, Refused(("binary",)))


def header_cases():
    "Names of columns."
    group = "Headers"
    for name, change in (
        ("capitals", str.upper),
        ("a capital each", str.title),
        ("blanks for underscores", lambda c: c.replace("_", " ")),
    ):
        yield Case(
            f"names in {name}",
            group,
            "The nearest name is suggested.",
            csv(header=[change(c) for c in HEADER]),
            Refused(("did you mean",)),
        )
    for name, change in (
        ("blanks around names", lambda c: f" {c} "),
        ("a no-break blank after names", lambda c: c + "\u00a0"),
    ):
        yield Case(
            name, group, "They do not count.", csv(header=[change(c) for c in HEADER]), Right(BASE)
        )
    yield Case(
        "an invisible character before the first name",
        group,
        "It is shown.",
        csv(header=["\u200b" + HEADER[0], *HEADER[1:]]),
        Refused(("no column", "\\u200b")),
    )
    yield Case(
        "a name twice",
        group,
        "The name is given.",
        csv(with_column("n_trials", N)),
        Refused(("2 times",), "n_trials"),
    )
    yield Case(
        "another column twice",
        group,
        "It is not needed.",
        csv(with_column("note", [""] * 12, with_column("note", ["x"] * 12))),
        Right(BASE),
    )
    yield Case(
        "columns without a name",
        group,
        "They are not needed.",
        csv(with_column("", ["x"] * 12)),
        Right(BASE),
    )
    yield Case(
        "another name, mapped",
        group,
        "The mapped column is read.",
        csv(header=[*HEADER[:4], "tested", "passed"]),
        Right(BASE),
        options=dict(columns={"tested": "n_trials", "passed": "y_success"}),
    )
    yield Case(
        "a mapped column that is not there",
        group,
        "The columns are listed.",
        csv(),
        Refused(("no column 'tested'",)),
        options=dict(columns={"tested": "n_trials"}),
    )
    yield Case(
        "a wide table",
        group,
        "The columns are listed.",
        "school_id,year,grade,Math_n,Math_y,Reading_n,Reading_y\n101,2021,3,31,17,33,20\n",
        Refused(("no column 'subject'",)),
    )
    yield Case(
        "names in another order",
        group,
        "The order does not matter.",
        csv([r[::-1] for r in rows()]),
        Right(BASE),
    )
    yield Case(
        "no column of years",
        group,
        "It is named.",
        csv([r[:1] + r[2:] for r in rows()]),
        Refused(("'year'",)),
    )
    yield Case(
        "a column called percent",
        group,
        "Percentages are no counts.",
        csv(header=[*HEADER[:5], "Percent proficient"]),
        Refused(("percent",), "Percent proficient"),
        options=dict(columns={"Percent proficient": "y_success"}),
    )


def number_cases():
    "Numbers as people and programs write them."
    group = "Numbers"
    for text, n in (
        ("+31", 31),
        (" 31 ", 31),
        ("31.0", 31),
        ("3.1e1", 31),
        ("031", 31),
        ("31.", 31),
        ("\u00a031", 31),
    ):
        yield Case(
            f"{text!r} students",
            group,
            f"That is {n}.",
            csv(edit={(2, "n_trials"): text}),
            Right(changed({KEYS[0]: (n, 17)})),
        )
    for text in (
        "forty",
        "3 1",
        "31 students",
        "~31",
        "31*",
        "0x1F",
        "1_000",
        "31,5",
        "(31)",
        "３１",
        "٣١",
        "३१",
        "#REF!",
        "=31",
        "31-33",
        "TRUE",
        "∞",
    ):
        yield Case(
            f"{text!r} students",
            group,
            "That is no number; the row is named.",
            csv(edit={(2, "n_trials"): text}),
            Refused(column="n_trials", rows=(2,)),
        )
    for text in (
        "*",
        "**",
        "<10",
        "<5",
        "n/a",
        "n.a.",
        "-",
        "--",
        "\u2013",
        "DS",
        "suppressed",
        "s",
        "N/R",
        "†",
        "?",
        "x",
        "PS",
        "N<10",
    ):
        yield Case(
            f"{text!r} for a hidden count",
            group,
            "A mark is no number; the row is named.",
            csv(edit={(5, "y_success"): text}),
            Refused(column="y_success", rows=(5,)),
        )
    for text in ("", " ", "NA", "N/A", "#N/A", "null", "None", "nan", "."):
        yield Case(
            f"{text!r} for a hidden count",
            group,
            "There is nothing to count; the row is named.",
            csv(edit={(5, "y_success"): text}),
            Refused(("nothing",), "y_success", (5,)),
            command=text == "",
        )
    for text, word in (
        ("-1", "negative"),
        ("2.5", "fraction"),
        ("99", "more successes"),
        ("1e400", "infinite"),
        ("inf", "infinite"),
        ("17.5", "fraction"),
        ("-0.5", ""),
    ):
        yield Case(
            f"{text} successes of 33",
            group,
            "That cannot be; the row is named.",
            csv(edit={(3, "y_success"): text}),
            Refused((word,), "y_success", (3,)),
            command=text == "99",
        )
    for text in ("0", "-31", "0.5", "1000001", "1e12", "0.0"):
        yield Case(
            f"{text} students",
            group,
            "That cannot be; the row is named.",
            csv(edit={(3, "n_trials"): text, (3, "y_success"): "0"}),
            Refused(column="n_trials", rows=(3,)),
        )
    yield Case(
        "nobody succeeded, everybody succeeded",
        group,
        "Both can be.",
        csv(edit={(2, "y_success"): "0", (3, "y_success"): "33"}),
        Right(changed({KEYS[0]: (31, 0), KEYS[1]: (33, 33)})),
    )
    yield Case(
        "one student",
        group,
        "That can be.",
        csv(edit={(2, "n_trials"): "1", (2, "y_success"): "1"}),
        Right(changed({KEYS[0]: (1, 1)})),
    )
    for text in ("9999", "99999"):
        yield Case(
            f"{text} students twice",
            group,
            "That is a code, not a number of students.",
            csv(edit={(2, "n_trials"): text, (7, "n_trials"): text}),
            Refused((text,), "n_trials", (2, 7)),
        )


def mark_cases():
    "Thousands and decimals."
    group = "Thousands and decimals"
    big = csv(edit={(2, "n_trials"): "1.005", (2, "y_success"): "600"})
    read = changed({KEYS[0]: (1005, 600)})
    yield Case(
        "1.005 students",
        group,
        "A thousand and five, or a little over one? Both readings are shown.",
        big,
        Refused(("1.005", "1005"), "n_trials", (2,)),
        command=True,
    )
    yield Case(
        "1.005 students, a point for thousands",
        group,
        "A thousand and five.",
        big,
        Right(read),
        options=dict(thousands="."),
    )
    yield Case(
        "1.005 students, a point for decimals",
        group,
        "No fraction of a student.",
        big,
        Refused(("fraction",), "n_trials", (2,)),
        options=dict(decimal="."),
    )
    yield Case(
        "2.000 students",
        group,
        "Two, or two thousand? Both readings are shown.",
        csv(edit={(2, "n_trials"): "2.000", (2, "y_success"): "1"}),
        Refused(("2000",), "n_trials", (2,)),
    )
    comma = csv(edit={(2, "n_trials"): "1,005", (2, "y_success"): "600"})
    yield Case(
        "1,005 students",
        group,
        "The option for thousands is named.",
        comma,
        Refused(("--thousands ,",), "n_trials", (2,)),
    )
    yield Case(
        "1,005 students, a comma for thousands",
        group,
        "A thousand and five.",
        comma,
        Right(read),
        options=dict(thousands=","),
    )
    for name, text, mark in (
        ("a blank", "1 005", "space"),
        ("a no-break blank", "1\u00a0005", "space"),
        ("a narrow blank", "1\u202f005", " "),
        ("an apostrophe", "1'005", "'"),
        ("a typographic apostrophe", "1’005", "'"),
    ):
        edit = csv(edit={(2, "n_trials"): text, (2, "y_success"): "600"})
        yield Case(
            f"{name} for thousands, unasked",
            group,
            "The option is named.",
            edit,
            Refused(("--thousands",), "n_trials", (2,)),
        )
        yield Case(
            f"{name} for thousands, asked for",
            group,
            "A thousand and five.",
            edit,
            Right(read),
            options=dict(thousands=mark),
        )
    yield Case(
        "1.234.567 students",
        group,
        "Too many for a school, and text unless asked.",
        csv(edit={(2, "n_trials"): "1.234.567"}),
        Refused(column="n_trials", rows=(2,)),
    )
    yield Case(
        "12,34 with a comma for thousands",
        group,
        "Groups have three digits; the row is named.",
        csv(edit={(2, "n_trials"): "12,34"}),
        Refused(column="n_trials", rows=(2,)),
        options=dict(thousands=","),
    )
    yield Case(
        "semicolons and 1,005",
        group,
        "Both readings are shown.",
        csv(sep=";", edit={(2, "n_trials"): "1,005", (2, "y_success"): "600"}),
        Refused(("1005",), "n_trials", (2,)),
    )
    yield Case(
        "semicolons and 31,0",
        group,
        "A decimal comma.",
        csv(sep=";", edit={(2, "n_trials"): "31,0"}),
        Right(BASE),
    )
    yield Case(
        "semicolons, decimal commas and points",
        group,
        "Two decimal marks in one column.",
        csv(sep=";", edit={(2, "n_trials"): "31,0", (3, "n_trials"): "33.0"}),
        Refused(("two decimal marks",), "n_trials", (2, 3)),
    )
    yield Case(
        "one mark for both",
        group,
        "The options contradict each other.",
        csv(),
        Refused(("both",)),
        options=dict(decimal=",", thousands=","),
    )
    yield Case(
        "a mark that is none",
        group,
        "The line says which there are.",
        csv(),
        Refused(("must be",)),
        options=dict(thousands="_"),
    )

    def score(cells, sep=","):
        return csv(
            [
                ["school_id", "score"],
                *[[s, c] for s, c in zip(["1", "1", "1", "2", "2", "2"], cells, strict=True)],
            ],
            sep,
        )

    both = ["1.005", "980", "990", "1.010", "970", "985"]
    grouped = {"1": (3, (1005 + 980 + 990) / 3), "2": (3, (1010 + 970 + 985) / 3)}
    yield Case(
        "scores 1.005 and 980",
        group,
        "Both readings are shown.",
        score(both),
        Refused(("1.005", "1005", "980"), "score", (2, 5)),
        "scores",
    )
    yield Case(
        "scores 1.005 and 980, a point for thousands",
        group,
        "A thousand and five.",
        score(both),
        Right(grouped),
        "scores",
        options=dict(thousands="."),
    )
    yield Case(
        "scores with three decimals",
        group,
        "Decimals, as all have three.",
        score(["512.345", "498.120", "500.000", "530.250", "475.125", "499.999"]),
        Right({"1": (3, (512.345 + 498.12 + 500) / 3), "2": (3, (530.25 + 475.125 + 499.999) / 3)}),
        "scores",
    )
    yield Case(
        "scores whose last zeros are dropped",
        group,
        "Decimals, as one has two.",
        score(["512.345", "498.12", "500", "530.25", "475.125", "499.999"]),
        Right({"1": (3, (512.345 + 498.12 + 500) / 3), "2": (3, (530.25 + 475.125 + 499.999) / 3)}),
        "scores",
    )
    half = ["512,5", "498", "500,25", "530,5", "475", "499"]
    right = {"1": (3, (512.5 + 498 + 500.25) / 3), "2": (3, (530.5 + 475 + 499) / 3)}
    yield Case(
        "decimal commas between semicolons",
        group,
        "Decimals.",
        score(half, ";"),
        Right(right),
        "scores",
    )
    yield Case(
        "decimal commas in quotation marks",
        group,
        "The option is named.",
        score(half),
        Refused(("--decimal ,",), "score", (2,)),
        "scores",
    )
    yield Case(
        "decimal commas, asked for",
        group,
        "Decimals.",
        score(half),
        Right(right),
        "scores",
        options=dict(decimal=","),
    )
    yield Case(
        "decimal commas and points between semicolons",
        group,
        "Two decimal marks in one column.",
        score(["512,5", "498.5", "500", "530", "475", "499"], ";"),
        Refused(("two decimal marks",), "score", (2, 3)),
        "scores",
    )
    yield Case(
        "points of three digits between semicolons",
        group,
        "A comma begins decimals there; both readings are shown.",
        score(["1.512", "1.498", "1.500", "1.530", "1.475", "1.499"], ";"),
        Refused(("1512",), "score"),
        "scores",
    )
    yield Case(
        "decimal points between semicolons",
        group,
        "Decimals, as they have one place.",
        score(["512.5", "498.5", "500.5", "530.5", "475.5", "499.5"], ";"),
        Right({"1": (3, 503.8333333333333), "2": (3, 501.8333333333333)}),
        "scores",
    )
    yield Case(
        "a thousand with decimals, English",
        group,
        "The option is named.",
        score(["1,512.5", "1,498.5", "1,500.5", "1,530.5", "1,475.5", "1,499.5"]),
        Refused(("--thousands ,",), "score", (2,)),
        "scores",
    )
    yield Case(
        "a thousand with decimals, German, asked for",
        group,
        "One and a half thousand.",
        score(["1.512,5", "1.498,5", "1.500,5", "1.530,5", "1.475,5", "1.499,5"]),
        Right({"1": (3, 1503.8333333333333), "2": (3, 1501.8333333333333)}),
        "scores",
        options=dict(thousands="."),
    )


def key_cases():
    "Years, grades and subjects."
    group = "Years, grades, subjects"
    for text in (
        "2019-20",
        "2019/20",
        "FY19",
        "SY2019",
        "'21",
        "2021-06-30",
        "30/06/2021",
        "Spring 2021",
        "2021 (revised)",
        "MMXXI",
    ):
        yield Case(
            f"year {text!r}",
            group,
            "No year as such; the row is named.",
            csv(edit={(2, "year"): text}),
            Refused(column="year", rows=(2,)),
        )
    for text in ("21", "20211", "1800", "0", "2021.5", "-2021", "20210630"):
        yield Case(
            f"year {text}",
            group,
            "No year; the row is named.",
            csv(edit={(2, "year"): text}),
            Refused(column="year", rows=(2,)),
        )
    yield Case(
        "year 2021.0", group, "That is 2021.", csv(edit={(2, "year"): "2021.0"}), Right(BASE)
    )
    yield Case(
        "grade 03", group, "That is 3.", csv(edit=whole_column("grade", ["03"] * 12)), Right(BASE)
    )
    for text in ("Grade 3", "3rd", "third", "G3", "K", "Year 4", "3-5", "All", "3e année", "Total"):
        yield Case(
            f"grade {text!r}",
            group,
            "No grade as such; the row is named.",
            csv(edit={(2, "grade"): text}),
            Refused(column="grade", rows=(2,)),
        )
    for text in ("14", "-1", "3.5", "99"):
        yield Case(
            f"grade {text}",
            group,
            "No grade; the row is named.",
            csv(edit={(2, "grade"): text}),
            Refused(column="grade", rows=(2,)),
        )
    for a, b in (("Math", "math"), ("Math", "Math\u200b"), ("Math", "MATH"), ("Math", "Ｍath")):
        subjects = [b if i == 4 else k[3] for i, k in enumerate(KEYS)]
        yield Case(
            f"subjects {a!r} and {b!r}",
            group,
            "One subject under two names; the row is named.",
            csv(edit=whole_column("subject", subjects)),
            Refused(("differ only",), "subject", (6,)),
        )
        yield Case(
            f"subjects {a!r} and {b!r}, unified",
            group,
            "One subject.",
            csv(edit=whole_column("subject", subjects)),
            Right(BASE),
            options=dict(unify_ids=True),
        )
    yield Case(
        "a subject with a blank after it",
        group,
        "The blank does not count.",
        csv(edit={(2, "subject"): "Math "}),
        Right(BASE),
    )
    yield Case(
        "no subject",
        group,
        "The row is named.",
        csv(edit={(2, "subject"): ""}),
        Refused(("nothing",), "subject", (2,)),
    )
    yield Case(
        "the same row twice",
        group,
        "Both rows are named.",
        csv() + "101,2021,3,Math,31,17\n",
        Refused(("same",), None, (2, 14)),
        command=True,
    )
    yield Case(
        "a row twice with other numbers",
        group,
        "Both rows are named.",
        csv() + "101,2021,3,Math,30,17\n",
        Refused(("same",), None, (2, 14)),
    )
    yield Case(
        "groups of students below each other",
        group,
        "The first rows that repeat are named.",
        csv([["group", *HEADER], *[[g, *r] for g in ("All", "Girls", "Boys") for r in rows()[1:]]]),
        Refused(("same",), None, (2, 14)),
    )
    yield Case(
        "one school",
        group,
        "There is nothing to compare.",
        csv(rows()[:5]),
        Refused(("one school",), "school_id"),
        command=True,
    )


def id_cases():
    "Ids under several spellings."
    group = "Ids"
    twins = (
        ("capitals", "PS 1", "ps 1"),
        ("a trailing .0", "101", "101.0"),
        ("leading zeros", "101", "0101"),
        ("two blanks", "PS 1", "PS  1"),
        ("a no-break blank", "PS 1", "PS\u00a01"),
        ("a thin blank", "PS 1", "PS\u20091"),
        ("a zero-width character", "PS1", "PS\u200b1"),
        ("a soft hyphen", "PS1", "PS\u00ad1"),
        ("accents written in two ways", "École", "E\u0301cole"),
        ("a long dash", "A-1", "A–1"),
        ("full-width digits", "101", "１０１"),
        ("a byte-order mark", "101", "\ufeff101"),
        ("an apostrophe", "St John's", "St John’s"),
        ("a mark of direction", "PS1", "PS1\u200e"),
    )
    for what, a, b in twins:
        ids = [a if k[0] == "101" else k[0] for k in KEYS]
        torn = csv(edit=whole_column("school_id", [b if i == 3 else s for i, s in enumerate(ids)]))
        yield Case(
            f"one id with {what}",
            group,
            "One school under two ids; the row is named.",
            torn,
            Refused(("differ only",), "school_id", (5,)),
            command=what == "capitals",
        )
        yield Case(
            f"one id with {what}, unified",
            group,
            "One school.",
            torn,
            Right(renamed("101", a)),
            options=dict(unify_ids=True),
        )
    yield Case(
        "ids with blanks around them",
        group,
        "They do not count.",
        csv(edit={(2, "school_id"): " 101 "}),
        Right(BASE),
    )
    yield Case(
        "near-twins that are meant",
        group,
        "Two schools.",
        csv(edit={(2, "school_id"): "0101"}),
        Right({("0101", *k[1:]) if i == 0 else k: v for i, (k, v) in enumerate(BASE.items())}),
        options=dict(allow=("twins",)),
    )
    yield Case(
        "ids with leading zeros",
        group,
        "The zeros stay.",
        csv(edit=whole_column("school_id", [f"00{k[0]}" for k in KEYS])),
        Right({(f"00{k[0]}", *k[1:]): v for k, v in BASE.items()}),
    )
    for text in ("1.12E+08", "1E+11", "1,12E+08"):
        yield Case(
            f"an id {text}",
            group,
            "A spreadsheet has lost the digits; the row is named.",
            csv(edit={(2, "school_id"): text}),
            Refused(("digits",), "school_id", (2,)),
        )
    for text in ("12-Mar", "Mar-12", "2012-03-12", "2012-03-12 00:00:00"):
        yield Case(
            f"an id {text}",
            group,
            "A spreadsheet has made a date; the row is named.",
            csv(edit={(2, "school_id"): text}),
            Refused(("date",), "school_id", (2,)),
        )
    yield Case(
        "an id 12-3",
        group,
        "That is an id.",
        csv(edit=whole_column("school_id", ["12-3" if k[0] == "101" else k[0] for k in KEYS])),
        Right(renamed("101", "12-3")),
    )
    yield Case(
        "an id 2E",
        group,
        "That is an id.",
        csv(edit=whole_column("school_id", ["2E" if k[0] == "101" else k[0] for k in KEYS])),
        Right(renamed("101", "2E")),
    )
    yield Case(
        "no id",
        group,
        "The row is named.",
        csv(edit={(4, "school_id"): ""}),
        Refused(("nothing",), "school_id", (4,)),
    )
    yield Case(
        "an id that clears a terminal",
        group,
        "It is shown, and does nothing.",
        csv(edit={(2, "school_id"): "\x1b[2J101", (3, "y_success"): "99"}),
        Refused(("more successes",), "y_success", (3,)),
    )
    yield Case(
        "near-twins of which one clears a terminal",
        group,
        "It is shown, and does nothing.",
        csv(
            edit=whole_column(
                "school_id",
                [
                    "\x1b[2Jx" if i < 2 else "\x1b[2JX" if i < 4 else k[0]
                    for i, k in enumerate(KEYS)
                ],
            )
        ),
        Refused(("\\x1b",), "school_id"),
    )
    for column, name in (("district_id", "districts"), ("district", "names of districts")):
        torn = csv(with_column(column, ["North" if i else "NORTH" for i in range(12)]))
        yield Case(
            f"{name} North and NORTH",
            group,
            "One district under two names; the row is named.",
            torn,
            Refused(("differ only",), column, (2,)),
        )
    moved = ["S" if k[0] == "103" or k[:2] == ("101", 2022) else "N" for k in KEYS]
    yield Case(
        "a school that moves between years",
        group,
        "It goes by its latest district, which is said.",
        csv(with_column("district_id", moved)),
        Right(BASE, ("changed district",)),
    )
    yield Case(
        "a school in two districts at once",
        group,
        "The school is named.",
        csv(with_column("district_id", ["N", "S"] + ["N"] * 10)),
        Refused(("101", "2 districts"), "district_id"),
    )
    yield Case(
        "school names that differ from year to year",
        group,
        "Names tell no schools apart.",
        csv(
            with_column(
                "school_name", [f"PS {k[0]}" if k[1] == 2021 else f"P.S. {k[0]}" for k in KEYS]
            )
        ),
        Right(BASE),
    )


def total_cases():
    "Totals among the schools."
    group = "Totals"
    cells = [k[1:] for k in KEYS[:4]]
    totals = {
        c: tuple(sum(v[j] for k, v in BASE.items() if k[1:] == c) for j in (0, 1)) for c in cells
    }

    def with_total(name):
        return csv(rows(base={**BASE, **{(name, *c): v for c, v in totals.items()}}))

    for name in (
        "TOTAL",
        "Total:",
        "All schools",
        "District total",
        "Statewide",
        "Grand Total",
        "State Total",
        "All",
        "Overall",
        "Average",
        "Total des écoles",
        "Toutes les écoles",
        "Ensemble des établissements",
        "Total del distrito",
        "Todas las escuelas",
        "Promedio",
    ):
        yield Case(
            f"a school called {name!r}",
            group,
            "A total counts students twice; the rows are named.",
            with_total(name),
            Refused(("total",), "school_id", (14, 15, 16, 17)),
            command=name == "TOTAL",
        )
    for name in ("0", "000", "999", "X"):
        yield Case(
            f"the sums of all schools under the id {name!r}",
            group,
            "A total counts students twice; the rows are named.",
            with_total(name),
            Refused(("total",), "school_id", (14, 15, 16, 17)),
        )
    yield Case(
        "totals that are meant",
        group,
        "They are read.",
        with_total("X"),
        Right({**BASE, **{("X", *c): v for c, v in totals.items()}}),
        options=dict(allow=("totals",)),
    )
    for name in (
        "Total Learning Academy",
        "All Saints",
        "Overall Elementary",
        "State College",
        "000",
    ):
        yield Case(
            f"a school called {name!r} that is one",
            group,
            "It is a school.",
            csv(edit=whole_column("school_id", [name if k[0] == "101" else k[0] for k in KEYS])),
            Right(renamed("101", name)),
        )
    subjects = {
        (k[0], k[1], 3, "All subjects"): (N[i] + N[i + 1], Y[i] + Y[i + 1])
        for i, k in enumerate(KEYS)
        if k[3] == "Math"
    }
    for name in ("All subjects", "Total", "Overall", "Toutes les matières", "Todas las materias"):
        both = {(k[0], k[1], k[2], name): v for k, v in subjects.items()}
        yield Case(
            f"a subject called {name!r}",
            group,
            "It says the same results again; the rows are named.",
            csv(rows(base={**BASE, **both})),
            Refused(("total",), "subject", (14,)),
        )
    unnamed = {(k[0], k[1], k[2], "Core"): v for k, v in subjects.items()}
    yield Case(
        "a subject that is the sum of the others",
        group,
        "It says the same results again; the rows are named.",
        csv(rows(base={**BASE, **unnamed})),
        Refused(("sum",), "subject", (14,)),
    )
    only = {(k[0], k[1], k[2], "All subjects"): v for k, v in subjects.items()}
    yield Case(
        "a table of one subject, All subjects",
        group,
        "There is nothing that it repeats.",
        csv(rows(base=only)),
        Right(only),
    )
    grades = {(k[0], k[1], g, k[3]): (n + g, y) for g in (3, 4, 5) for k, (n, y) in BASE.items()}
    sums = {(k[0], k[1], 0, k[3]): (3 * n + 12, 3 * y) for k, (n, y) in BASE.items()}
    yield Case(
        "a grade 0 that is the sum of the others",
        group,
        "It counts students twice.",
        csv(rows(base={**grades, **sums})),
        Refused(("sum",), "grade", (38,)),
    )
    yield Case("three grades", group, "They are grades.", csv(rows(base=grades)), Right(grades))
    for column in ("school_name", "district"):
        yield Case(
            f"a total by its {column}",
            group,
            "The rows are named.",
            csv(with_column(column, ["A"] * 8 + ["All schools"] * 4)),
            Refused(("total",), column, (10,)),
        )

    def districts(extra):
        schools = {
            (s, 2021, 3, k): (n + 7 * (k == "Math"), n * p // 100)
            for s, n, p in many(12)
            for k in ("Math", "Reading")
        }
        place = {s: f"D{i // 6}" for i, s in enumerate(dict.fromkeys(k[0] for k in schools))}
        more = (
            {
                (f"7{d}", 2021, 3, k): tuple(
                    sum(v[j] for c, v in schools.items() if place[c[0]] == f"D{d}" and c[3] == k)
                    for j in (0, 1)
                )
                for d in (0, 1)
                for k in ("Math", "Reading")
            }
            if extra
            else {}
        )
        table = {**schools, **more}
        place |= {"70": "D0", "71": "D1"}
        return csv(
            with_column("district_id", [place[k[0]] for k in table], rows(base=table))
        ), table

    text, numbers = districts(True)
    yield Case(
        "the sum of each district under an id of its own",
        group,
        "The rows are named.",
        text,
        Refused(("sum", "district"), "school_id", (26, 27, 28, 29)),
    )
    text, numbers = districts(False)
    yield Case("the same districts without sums", group, "They are read.", text, Right(numbers))


def share_cases():
    "Percentages where counts belong."
    group = "Percentages"
    base = {(s, 2021, 3, "Math"): (n, n * p // 100) for s, n, p in many()}
    yield Case(
        "counts of forty schools", group, "They are counts.", csv(rows(base=base)), Right(base)
    )
    percent = {(s, 2021, 3, "Math"): (n, min(p, n)) for s, n, p in many()}
    yield Case(
        "percentages of forty schools",
        group,
        "They do not grow with the students.",
        csv(rows(base=percent)),
        Refused(("percent",), "y_success"),
        command=True,
    )
    yield Case(
        "percentages that are meant",
        group,
        "They are read.",
        csv(rows(base=percent)),
        Right(percent),
        options=dict(allow=("percents",)),
    )
    ones = {(s, 2021, 3, "Math"): (n, p % 2) for s, n, p in many()}
    yield Case(
        "0 and 1 beside groups of many",
        group,
        "They are no counts.",
        csv(rows(base=ones)),
        Refused(("0 and 1",), "y_success"),
    )
    yield Case(
        "shares between 0 and 1",
        group,
        "A fraction is no count; the row is named.",
        csv(edit=whole_column("y_success", [f"{y / n:.2f}" for n, y in zip(N, Y, strict=True)])),
        Refused(("fraction",), "y_success", (2,)),
    )
    yield Case(
        "percent signs",
        group,
        "The row is named.",
        csv(
            edit=whole_column("y_success", [f"{100 * y // n}%" for n, y in zip(N, Y, strict=True)])
        ),
        Refused(("percent",), "y_success", (2,)),
    )
    yield Case(
        "percentages with a decimal",
        group,
        "A fraction is no count; the row is named.",
        csv(
            edit=whole_column(
                "y_success", [f"{100 * y / n:.1f}" for n, y in zip(N, Y, strict=True)]
            )
        ),
        Refused(column="y_success", rows=(2,)),
    )
    yield Case(
        "percentages above the students",
        group,
        "The row is named.",
        csv(
            edit=whole_column("y_success", [round(100 * y / n) for n, y in zip(N, Y, strict=True)])
        ),
        Refused(("more successes",), "y_success", (2,)),
    )
    same = {
        (s, 2021, 3, k): (n + 200, 45 + p % 50) for s, n, p in many() for k in ("Math", "Reading")
    }
    yield Case(
        "percentages beside enrolments that repeat",
        group,
        "They are percentages.",
        csv(rows(base=same)),
        Refused(("percent",), "y_success"),
    )
    doubt = {(s, 2021, 3, "Math"): (101 + int(s) % 7, p) for s, n, p in many(20)}
    yield Case(
        "nothing above 100 beside hundreds",
        group,
        "It cannot be told; both readings are given.",
        csv(rows(base=doubt)),
        Warned(doubt, ("percentages",)),
    )
    yield Case(
        "participation in percent signs",
        group,
        "95 % is .95.",
        csv(with_column("participation", ["95%"] * 12)),
        Right(BASE),
    )
    yield Case(
        "participation of 95",
        group,
        "A share is at most 1; the row is named.",
        csv(with_column("participation", [95] * 12)),
        Refused(("share",), "participation", (2,)),
    )


def hide(how):
    "A finish of a workbook: its first sheet is hidden, its second shown."

    def finish(book):
        book.worksheets()[1].activate()
        getattr(book.worksheets()[0], how)()

    return finish


def spoil(cell, fault):
    "A finish of a workbook: a formula that failed."

    def finish(book):
        book.worksheets()[0].write_formula(cell, "=1/0", None, fault)

    return finish


def binary_workbooks(group):
    "Workbooks of a kind that cannot be read."
    binary = io.BytesIO()
    with zipfile.ZipFile(binary, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.bin", b"\x83\x01\x00")
    for name in ("counts.xlsb", "counts.xlsx"):
        yield Case(
            f"a binary workbook called {Path(name).suffix}",
            group,
            "It is named, and how to save it otherwise.",
            binary.getvalue(),
            Refused(("xlsb", ".xlsx")),
            file=name,
            command=True,
        )


def excel_cases():
    "Workbooks."
    group = "Excel"
    xlsx = "counts.xlsx"
    yield Case(
        "a workbook of one sheet",
        group,
        "It is read, and the sheet is named.",
        excel(),
        Right(BASE, ("'Counts'",)),
    )
    yield Case(
        "notes before the data",
        group,
        "The sheet with the columns is read.",
        excel({"Notes": [["About these data"]], "Counts": rows()}),
        Right(BASE, ("'Counts'",)),
    )
    yield Case(
        "an empty sheet before the data",
        group,
        "The sheet with the columns is read.",
        excel({"Sheet1": [], "Counts": rows()}),
        Right(BASE, ("'Counts'",)),
    )
    yield Case(
        "a sheet a year",
        group,
        "Which one? Both are named.",
        excel({"2021": rows(), "2022": rows()}),
        Refused(("2021", "2022", "--sheet")),
        command=True,
    )
    yield Case(
        "a sheet a year, one asked for",
        group,
        "That one is read.",
        excel({"2021": rows(edit={(2, "y_success"): "9"}), "2022": rows()}),
        Right(BASE),
        options=dict(sheet="2022"),
    )
    yield Case(
        "a sheet that is not there",
        group,
        "The sheets are listed.",
        excel(),
        Refused(("Counts",)),
        options=dict(sheet="Data"),
    )

    yield Case(
        "an old version in a hidden sheet",
        group,
        "Hidden sheets are not read.",
        excel({"Old": rows(edit={(2, "y_success"): "9"}), "Counts": rows()}, hide("hide")),
        Right(BASE, ("'Counts'",)),
    )
    yield Case(
        "a sheet hidden from the menu too",
        group,
        "Hidden sheets are not read.",
        excel({"Old": rows(edit={(2, "y_success"): "9"}), "Counts": rows()}, hide("very_hidden")),
        Right(BASE, ("'Counts'",)),
    )
    yield Case(
        "a hidden sheet, asked for",
        group,
        "It was asked for.",
        excel({"Old": rows(edit={(2, "y_success"): "9"}), "Counts": rows()}, hide("hide")),
        Right(changed({KEYS[0]: (31, 9)})),
        options=dict(sheet="Old"),
    )
    yield Case(
        "titles above the header",
        group,
        "The header is found.",
        excel({"Counts": [["Results 2021"], [], *rows()]}),
        Right(BASE),
    )
    yield Case(
        "a fault below titles",
        group,
        "Rows are counted as in Excel.",
        excel({"Counts": [["Results 2021"], [], *rows(edit={(3, "y_success"): "99"})]}),
        Refused(column="y_success", rows=(5,)),
    )
    yield Case(
        "a table that begins at C4",
        group,
        "It is found.",
        excel({"Counts": [[], [], [], *[["", "", *r] for r in rows()]]}),
        Right(BASE),
    )
    for fault in ("#REF!", "#DIV/0!", "#N/A", "#VALUE!", "#NAME?"):
        yield Case(
            f"{fault} in a cell",
            group,
            "The row is named.",
            excel(finish=spoil("F4", fault)),
            Refused((fault,), "y_success", (4,)),
            command=fault == "#REF!",
        )
    yield Case(
        "#REF! in a column that is not needed",
        group,
        "It is not needed.",
        excel(
            {"Counts": with_column("note", [""] * 12)},
            spoil("G4", "#REF!"),
        ),
        Right(BASE),
    )
    yield Case(
        "formulas",
        group,
        "Their values are read.",
        excel(finish=lambda b: b.worksheets()[0].write_formula("F4", "=5+6", None, 11)),
        Right(BASE),
    )

    def merge(book):
        book.worksheets()[0].merge_range("A2:A5", 101)

    yield Case(
        "an id merged over four rows",
        group,
        "Only the first cell holds a value; the row is named.",
        excel(finish=merge),
        Refused(("merged",), "school_id", (2,)),
    )
    yield Case(
        "a merged title",
        group,
        "It is no part of the table.",
        excel(
            {"Counts": [["Results"], *rows()]},
            lambda book: book.worksheets()[0].merge_range("A1:F1", "Results"),
        ),
        Right(BASE),
    )

    def dates(book):
        sheet, day = book.worksheets()[0], book.add_format({"num_format": "d-mmm"})
        for row in range(1, 5):
            sheet.write_datetime(row, 0, pd.Timestamp("2012-03-12").to_pydatetime(), day)

    yield Case(
        "ids that Excel made dates",
        group,
        "The row is named.",
        excel(finish=dates),
        Refused(("date",), "school_id", (2,)),
    )
    yield Case(
        "a date in the column of years",
        group,
        "No year as such; the row is named.",
        excel(
            finish=lambda b: b.worksheets()[0].write_datetime(
                1,
                1,
                pd.Timestamp("2021-06-30").to_pydatetime(),
                b.add_format({"num_format": "yyyy"}),
            )
        ),
        Refused(column="year", rows=(2,)),
    )
    yield Case(
        "a far cell",
        group,
        "The sheet has no table of that size.",
        excel(finish=lambda b: b.worksheets()[0].write("XFD1048576", "x")),
        Refused(("XFD1048576",)),
        command=True,
    )
    yield Case(
        "far cells that are only formatted",
        group,
        "They are empty.",
        excel(
            finish=lambda b: b.worksheets()[0].write_blank(
                "XFD1048576", None, b.add_format({"bold": True})
            )
        ),
        Right(BASE),
    )
    yield Case(
        "numbers as text",
        group,
        "They are numbers.",
        excel(
            finish=lambda b: [
                b.worksheets()[0].write_string(i + 1, 4, str(n)) for i, n in enumerate(N)
            ]
        ),
        Right(BASE),
    )
    yield Case(
        "numbers as text with points for thousands",
        group,
        "Both readings are shown.",
        excel(finish=lambda b: b.worksheets()[0].write_string(1, 4, "1.005")),
        Refused(("1005",), "n_trials", (2,)),
    )
    yield Case(
        "ids of which some are text",
        group,
        "101 is 101.",
        excel(finish=lambda b: b.worksheets()[0].write_string("A2", "101")),
        Right(BASE),
    )
    yield Case(
        "a chart sheet before the data",
        group,
        "Charts hold no table.",
        excel(finish=lambda b: b.add_chartsheet("Chart")),
        Right(BASE),
    )
    yield Case("all sheets empty", group, "The line says so.", excel({"Sheet1": []}), Refused())
    yield Case(
        "a workbook called .csv",
        group,
        "The content tells.",
        lambda f: workbook(f / "counts.csv", {"Counts": rows()}),
        Right(BASE),
    )

    def cut(folder):
        path = workbook(folder / xlsx, {"Counts": rows()})
        path.write_bytes(path.read_bytes()[:2000])
        return path

    yield Case("a workbook cut short", group, "It is damaged.", cut, Refused(("damaged",)))
    yield Case(
        "a password",
        group,
        "The password is named.",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + b"\0" * 504
        + "EncryptedPackage".encode("utf-16-le")
        + b"\0" * 2000,
        Refused(("password",)),
        file=xlsx,
    )

    yield from binary_workbooks(group)
    page = "<html><body><table><tr><td>school_id</td></tr></table></body></html>"
    yield Case(
        "a web page called .xls",
        group,
        "It is called by its name.",
        page,
        Refused(("HTML",)),
        file="counts.xls",
        command=True,
    )
    yield Case(
        "a web page in UTF-16 called .xls",
        group,
        "It is called by its name.",
        page.encode("utf-16"),
        Refused(("HTML",)),
        file="counts.xls",
    )
    yield Case(
        "an XML spreadsheet of 2003",
        group,
        "It is called by its name.",
        (
            '<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook '
            'xmlns="urn:x"/>'
        ),
        Refused(("XML",)),
        file="counts.xls",
    )

    def bomb(folder):
        path = workbook(folder / xlsx, {"Counts": rows()})
        with zipfile.ZipFile(path) as old:
            parts = {n: old.read(n) for n in old.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
            for name, body in parts.items():
                if name != "xl/worksheets/sheet1.xml":
                    new.writestr(name, body)
            with new.open("xl/worksheets/sheet1.xml", "w") as part:
                for _ in range(80):
                    part.write(b" " * (1 << 20))
        return path

    yield Case(
        "a sheet of 80 MB of blanks",
        group,
        "It is no table; memory stays small.",
        bomb,
        Refused(("64 MB",)),
    )


def parquet_cases():
    "Parquet files."
    group = "Parquet"
    yield Case("a Parquet file", group, "It is read.", parquet(lambda t: t), Right(BASE))
    yield Case(
        "a dictionary",
        group,
        "Its values are read.",
        parquet(
            lambda t: set_column(t, "subject", t["subject"].combine_chunks().dictionary_encode())
        ),
        Right(BASE),
    )
    yield Case(
        "decimals",
        group,
        "They are numbers.",
        parquet(lambda t: set_column(t, "n_trials", t["n_trials"].cast(pa.decimal128(25, 3)))),
        Right(BASE),
    )
    yield Case(
        "small integers",
        group,
        "They are numbers.",
        parquet(lambda t: set_column(t, "y_success", t["y_success"].cast(pa.uint8()))),
        Right(BASE),
    )
    yield Case(
        "floats",
        group,
        "They are numbers.",
        parquet(lambda t: set_column(t, "n_trials", t["n_trials"].cast(pa.float32()))),
        Right(BASE),
    )
    yield Case(
        "large text",
        group,
        "It is text.",
        parquet(lambda t: set_column(t, "school_id", t["school_id"].cast(pa.large_string()))),
        Right(BASE),
    )
    yield Case(
        "ids as floats",
        group,
        "101.0 is 101.",
        parquet(lambda t: set_column(t, "school_id", t["school_id"].cast(pa.float64()))),
        Right(BASE),
    )
    yield Case(
        "a null",
        group,
        "The row is named.",
        parquet(lambda t: set_column(t, "y_success", pa.array([None, *Y[1:]]))),
        Refused(("nothing",), "y_success", (2,)),
    )
    yield Case(
        "a not-a-number",
        group,
        "The row is named.",
        parquet(lambda t: set_column(t, "y_success", pa.array([float("nan"), *map(float, Y[1:])]))),
        Refused(("nothing",), "y_success", (2,)),
    )
    yield Case(
        "timestamps for years",
        group,
        "No year as such; the row is named.",
        parquet(lambda t: set_column(t, "year", pa.array([pd.Timestamp("2021-06-30")] * 12))),
        Refused(column="year", rows=(2,)),
    )
    yield Case(
        "lists",
        group,
        "The type is named.",
        parquet(lambda t: set_column(t, "n_trials", pa.array([[n] for n in N]))),
        Refused(("list",), "n_trials"),
    )
    yield Case(
        "binary ids",
        group,
        "The type is named.",
        parquet(lambda t: set_column(t, "school_id", t["school_id"].cast(pa.binary()))),
        Refused(("binary",), "school_id"),
    )
    yield Case(
        "true and false for successes",
        group,
        "No count; the row is named.",
        parquet(lambda t: set_column(t, "y_success", pa.array([True] * 12))),
        Refused(column="y_success", rows=(2,)),
    )
    yield Case(
        "a nested column beside",
        group,
        "It is not needed.",
        parquet(lambda t: t.append_column("more", pa.array([{"a": 1}] * 12))),
        Right(BASE),
    )
    yield Case(
        "no rows", group, "The line says so.", parquet(lambda t: t[:0]), Refused(("no rows",))
    )
    yield Case(
        "a Parquet file cut short",
        group,
        "It is damaged.",
        b"PAR1" + b"\1" * 400,
        Refused(("damaged",)),
        file="c.parquet",
    )


def file_cases():
    "What stands at a path."
    group = "Files"
    yield Case(
        "gzip",
        group,
        "It is unpacked.",
        gzip.compress(csv().encode()),
        Right(BASE),
        file="counts.csv.gz",
    )
    yield Case(
        "gzip called .csv", group, "The content tells.", gzip.compress(csv().encode()), Right(BASE)
    )
    yield Case(
        "gzip of two parts",
        group,
        "Both are read.",
        gzip.compress(csv()[:100].encode()) + gzip.compress(csv()[100:].encode()),
        Right(BASE),
        file="counts.csv.gz",
    )
    yield Case(
        "gzip cut short",
        group,
        "It is damaged.",
        gzip.compress(csv().encode())[:60],
        Refused(("damaged",)),
        file="counts.csv.gz",
    )
    yield Case(
        "gzip within gzip",
        group,
        "It is no text.",
        gzip.compress(gzip.compress(csv().encode())),
        Refused(("not",)),
        file="counts.csv.gz",
    )
    yield Case(
        "gzip of nothing",
        group,
        "It is empty.",
        gzip.compress(b""),
        Refused(("empty",)),
        file="counts.csv.gz",
    )
    yield Case(
        "gzip of one row of 60 MB",
        group,
        "It is no table; memory stays small.",
        gzip.compress(b"a" * 60_000_000),
        Refused(("row",)),
        file="counts.csv.gz",
    )
    yield Case(
        "gzip of a Parquet file",
        group,
        "It is no text.",
        gzip.compress(b"PAR1" + bytes(range(256)) * 9),
        Refused(),
        file="counts.csv.gz",
    )

    def zipped(name, body):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(name, body)
        return buffer.getvalue()

    yield Case(
        "a zip archive",
        group,
        "It has to be unpacked.",
        zipped("counts.csv", csv()),
        Refused(("unpack",)),
        file="counts.zip",
        command=True,
    )
    yield Case(
        "gzip within a zip archive",
        group,
        "It has to be unpacked.",
        zipped("counts.csv.gz", gzip.compress(csv().encode())),
        Refused(("unpack",)),
        file="counts.zip",
    )
    yield Case(
        "an empty zip archive",
        group,
        "It holds nothing.",
        b"PK\x05\x06" + b"\0" * 18,
        Refused(),
        file="counts.zip",
    )
    for name, head in (
        ("a PDF", b"%PDF-1.7\n"),
        ("a database", b"SQLite format 3\0"),
        ("JSON", b'[{"school_id": 1}]'),
        ("an SPSS file", b"$FL2@(#) SPSS"),
        ("bzip2", b"BZh91AY"),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("7z", b"7z\xbc\xaf"),
        ("a Stata file", b"<stata_dta><header>"),
    ):
        yield Case(
            name,
            group,
            "It is called by its name.",
            head + b"x" * 50,
            Refused(
                (
                    name.split()[-1]
                    .replace("bzip2", "packed")
                    .replace("zstd", "packed")
                    .replace("7z", "packed")
                    .replace("file", ""),
                )
            ),
            file="counts.dat",
        )

    def pipe(folder):
        os.mkfifo(folder / "counts.csv")
        threading.Thread(
            target=(folder / "counts.csv").write_text, args=(csv(),), daemon=True
        ).start()
        return folder / "counts.csv"

    yield Case("a named pipe", group, "What it gives is read.", pipe, Right(BASE))
    yield Case(
        "a folder", group, "A file inside it is meant.", lambda folder: folder, Refused(("folder",))
    )
    yield Case(
        "a file that is not there",
        group,
        "The line says so.",
        lambda folder: folder / "none.csv",
        Refused(("no such file",)),
        command=True,
    )
    yield Case(
        "a link to nowhere",
        group,
        "The line says so.",
        lambda f: ((f / "c.csv").symlink_to("nowhere"), f / "c.csv")[1],
        Refused(("no such file",)),
    )
    yield Case(
        "a link that leads to itself",
        group,
        "The line says so.",
        lambda f: ((f / "c.csv").symlink_to("c.csv"), f / "c.csv")[1],
        Refused(),
    )
    yield Case(
        "a link to the file",
        group,
        "It is read.",
        lambda f: ((f / "t.csv").write_text(csv()), (f / "c.csv").symlink_to("t.csv"), f / "c.csv")[
            2
        ],
        Right(BASE),
    )
    yield Case(
        "an endless device",
        group,
        "It is no file.",
        lambda folder: Path("/dev/zero"),
        Refused(("device",)),
    )
    yield Case(
        "an empty device",
        group,
        "It is no file.",
        lambda folder: Path("/dev/null"),
        Refused(("device",)),
    )
    yield Case(
        "a name that is too long",
        group,
        "The line says so.",
        lambda folder: folder / ("x" * 300),
        Refused(),
    )
    yield Case(
        "a name with a line break",
        group,
        "It is one line still.",
        csv(edit={(2, "y_success"): "99"}),
        Refused(("more successes",), "y_success", (2,)),
        file="a\nb.csv",
    )
    yield Case(
        "a name that clears a terminal",
        group,
        "It is shown, and does nothing.",
        csv(edit={(2, "y_success"): "99"}),
        Refused(("\\x1b",), "y_success", (2,)),
        file="\x1b[2J.csv",
    )
    yield Case(
        "a name of blanks and accents",
        group,
        "It is a name.",
        csv(),
        Right(BASE),
        file="résultats 2021.csv",
    )


def score_cases():
    "Scores of students."
    group = "Scores"

    def case(name, person, content, expect, **more):
        return Case(
            name, group, person, content, expect, "scores", more.pop("file", "scores.csv"), more
        )

    yield case("one row a student", "They are read.", csv(score_rows()), Right(MEANS))
    yield case(
        "students in any order",
        "The order does not matter.",
        csv([score_rows()[0], *score_rows()[:0:-1]]),
        Right(MEANS),
    )
    two = {**SCORES, "11": SCORES["11"][2:]}
    for text in ("", "NA", "N/A", "#N/A", "null", "nan", ".", "None"):
        yield case(
            f"{text!r} for two scores",
            "The students are left out, and counted.",
            csv(score_rows({(2, "score"): text, (3, "score"): text})),
            Right(means(two), ("2 rows",)),
        )
    for text in (
        "absent",
        "*",
        "-",
        "ABS",
        "abs",
        "85%",
        "512 pts",
        "5OO",
        "A+",
        "٥١٢",
        "512,5",
        "five hundred",
        "500/600",
        "true",
        "2021-06-30",
        "--",
        "<300",
    ):
        yield case(
            f"{text!r} for a score",
            "No number; the row is named.",
            csv(score_rows({(4, "score"): text})),
            Refused(column="score", rows=(4,)),
        )
    for text in ("inf", "1e400", "-1e300", "1e13"):
        yield case(
            f"a score of {text}",
            "No test gives it; the row is named.",
            csv(score_rows({(4, "score"): text})),
            Refused(column="score", rows=(4,)),
        )
    for text, _value in (
        ("5.125e2", 512.5),
        ("+512.5", 512.5),
        (" 512.5 ", 512.5),
        ("512.50", 512.5),
        ("0512.5", 512.5),
    ):
        yield case(
            f"a score of {text!r}",
            "That is 512.5.",
            csv(score_rows({(2, "score"): text})),
            Right(MEANS),
        )
    for code in ("-999", "9999", "-99", "-9999", "99999", "-9"):
        yield case(
            f"{code} for two absent students",
            "A code is no score; the rows are named.",
            csv(score_rows({(4, "score"): code, (9, "score"): code})),
            Refused((code,), "score", (4, 9)),
        )
    yield case(
        "-999 once",
        "A code is no score; the row is named.",
        csv(score_rows({(4, "score"): "-999"})),
        Refused(("-999",), "score", (4,)),
    )
    coded = {**SCORES, "11": [*SCORES["11"][:2], -999.0, *SCORES["11"][3:]]}
    yield case(
        "-999 that is meant",
        "It is read.",
        csv(score_rows({(4, "score"): "-999"})),
        Right(means(coded)),
        allow=("sentinels",),
    )
    wide = {s: [round(v / 10, 1) for v in values] * 5 for s, values in SCORES.items()}
    yield case(
        "99.99 among scores about 50",
        "Codes; the rows are named.",
        csv(score_rows({(5, "score"): "999.99", (40, "score"): "999.99"}, wide)),
        Refused(("999.99",), "score", (5, 40)),
    )
    zscores = {s: [round((v - 500) / 30, 2) for v in values] * 5 for s, values in SCORES.items()}
    yield case(
        "99.99 among standardised scores",
        "Codes; the rows are named.",
        csv(score_rows({(5, "score"): "99.99", (40, "score"): "99.99"}, zscores)),
        Refused(("99.99",), "score", (5, 40)),
    )
    yield case(
        "standardised scores",
        "Negative scores can be.",
        csv(score_rows(schools=zscores)),
        Right(means(zscores)),
    )
    slip = {s: list(v) * 5 for s, v in SCORES.items()}
    slipped = {**slip, "11": [*slip["11"][:3], 5300.0, *slip["11"][4:]]}
    yield case(
        "5300 for 530",
        "It may be a slip, and is said.",
        csv(score_rows(schools=slipped)),
        Warned(means(slipped), ("5300",)),
    )
    zero = {**slip, "11": [0.0, 0.0, *slip["11"][2:]]}
    yield case(
        "0 for two absent students",
        "It may be a code, and is said.",
        csv(score_rows(schools=zero)),
        Warned(means(zero), ("0 (2 times)",)),
    )
    far = {**slip, "11": [4000.0, 4000.0, 4000.0, *slip["11"][3:]]}
    yield case(
        "4000 three times among scores about 500",
        "Far values that repeat; the rows are named.",
        csv(score_rows(schools=far)),
        Refused(("4000",), "score", (2, 3, 4)),
    )
    floor = {s: [max(v, 470.0) for v in values] for s, values in slip.items()}
    yield case(
        "a lowest score that many have",
        "Tests have floors.",
        csv(score_rows(schools=floor)),
        Right(means(floor)),
    )
    same = {s: [500.0] * 6 for s in SCORES}
    yield case(
        "the same score for all",
        "Nothing varies.",
        csv(score_rows(schools=same)),
        Refused(("do not differ",), "score"),
    )
    flat = {**SCORES, "11": [500.0] * 6}
    yield case(
        "one school of equal scores",
        "It can be.",
        csv(score_rows(schools=flat)),
        Right(means(flat)),
    )
    yield case(
        "one student a school",
        "Nothing varies within schools.",
        csv(score_rows(schools={s: v[:1] for s, v in SCORES.items()})),
        Refused(("do not differ",), "score"),
    )
    lone = {**SCORES, "14": [500.0]}
    yield case(
        "a school of one student", "It can be.", csv(score_rows(schools=lone)), Right(means(lone))
    )
    yield case(
        "one school",
        "There is nothing to compare.",
        csv(score_rows(schools={"11": SCORES["11"]})),
        Refused(("one school",), "school_id"),
    )
    yield case(
        "no score at all",
        "There is nothing to read.",
        csv(score_rows({(i, "score"): "" for i in range(2, 20)})),
        Refused(("has a score",), "score"),
    )
    yield case(
        "a student without a school",
        "The row is named.",
        csv(score_rows({(4, "school_id"): ""})),
        Refused(("nothing",), "school_id", (4,)),
    )
    yield case(
        "schools 11 and 011",
        "One school under two ids; the row is named.",
        csv(score_rows({(4, "school_id"): "011"})),
        Refused(("leading zeros",), "school_id", (4,)),
    )
    yield case(
        "schools 11 and 011, unified",
        "One school.",
        csv(score_rows({(4, "school_id"): "011"})),
        Right(MEANS),
        unify_ids=True,
    )
    yield case(
        "schools A1 and a1",
        "One school under two ids; the row is named.",
        csv(score_rows(schools={"A1": SCORES["11"], "12": SCORES["12"], "a1": SCORES["13"]})),
        Refused(("capitals",), "school_id"),
    )
    yield case(
        "a row of the total",
        "A total is no student; the row is named.",
        csv([*score_rows(), ["Total", "500"]]),
        Refused(("total",), "school_id", (20,)),
    )
    yield case(
        "a row of the mean",
        "A mean is no student; the row is named.",
        csv([*score_rows(), ["Average", "500"]]),
        Refused(("total",), "school_id", (20,)),
    )
    yield case(
        "ids as 1.12E+08",
        "A spreadsheet has lost the digits.",
        csv(score_rows(schools={"1.12E+08": SCORES["11"], "12": SCORES["12"]})),
        Refused(("digits",), "school_id", (2,)),
    )
    yield case(
        "no column of scores",
        "The nearest name is suggested.",
        csv([["school_id", "Score"], *score_rows()[1:]]),
        Refused(("did you mean 'Score'",)),
    )
    yield case(
        "a title above the header",
        "The header is found.",
        "Mathematics 2021\n\n" + csv(score_rows()),
        Right(MEANS),
    )
    yield case(
        "a wide table of scores",
        "The columns are listed.",
        "school_id,maths,reading\n11,1,2\n",
        Refused(("no column 'score'",)),
    )
    yield case(
        "two districts for a school",
        "The school is named.",
        csv(
            [
                ["school_id", "score", "board"],
                *[[*r, "N" if i else "S"] for i, r in enumerate(score_rows()[1:])],
            ]
        ),
        Refused(("11",), "board"),
        district="board",
    )
    yield case(
        "a hundred thousand decimals",
        "They are digits.",
        csv(score_rows({(2, "score"): "512.5" + "0" * 1000})),
        Right(MEANS),
    )
    yield case(
        "a column of dates as scores",
        "No scores; the row is named.",
        csv(score_rows({(i, "score"): f"2021-06-{i:02d}" for i in range(2, 20)})),
        Refused(column="score", rows=(2,)),
    )


CASES = [
    case
    for cases in (
        text_cases,
        header_cases,
        number_cases,
        mark_cases,
        key_cases,
        id_cases,
        total_cases,
        share_cases,
        excel_cases,
        parquet_cases,
        file_cases,
        score_cases,
    )
    for case in cases()
]
