"""Messy inputs.

Each is read as a person reads it, refused by a line that points where a person would, or warned
of.
"""

import re
import sys
from pathlib import Path

import pytest
from messy_inputs import CASES, Refused, Right, Warned
from reading import command, numbers, read

from schoolvar.core.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
NAMES = [f"{c.group}: {c.name}" for c in CASES]


def slug(case):
    "A name that a command line takes."
    return re.sub("[^a-z0-9]+", "-", ascii(f"{case.group} {case.name}").lower()).strip("-")


def test_there_are_many_and_each_has_its_name():
    assert len(CASES) >= 250 and len(set(NAMES)) == len(CASES)
    assert sum(c.command for c in CASES) >= 15
    assert {type(c.expect) for c in CASES} == {Right, Refused, Warned}


def near(numbers):
    "Means to within rounding, counts exactly."
    return {
        k: (n, pytest.approx(v, rel=1e-9) if isinstance(v, float) else v)
        for k, (n, v) in numbers.items()
    }


def one_line(text):
    "A line that a terminal shows as it is."
    return text.isprintable() and 0 < len(text) <= 1000 and "Traceback" not in text


@pytest.mark.parametrize("case", CASES, ids=slug)
def test_each_is_read_as_a_person_reads_it(case, tmp_path):
    table, doubts = read(case, tmp_path)
    expect = case.expect
    if isinstance(expect, Refused):
        assert isinstance(table, DataError), f"read without a word: {table!r}"
        said = str(table)
        assert one_line(said)
        for word in expect.says:
            assert word.casefold() in said.casefold()
        if expect.column:
            assert table.column == expect.column and f"column {expect.column}" in said
        assert tuple(table.rows[: len(expect.rows)]) == expect.rows
        for row in expect.rows:
            assert str(row) in said
        return
    assert not isinstance(table, DataError), f"refused: {table}"
    assert numbers(table) == near(expect.numbers)
    assert bool(doubts) == isinstance(expect, Warned), doubts
    heard = " ".join([*doubts, table.summary()])
    for word in expect.says:
        assert word in heard


@pytest.mark.parametrize("case", [c for c in CASES if c.command], ids=slug)
def test_the_command_says_it_in_one_line_and_writes_nothing(case, tmp_path):
    status, lines = command(case, tmp_path, tmp_path / "out")
    assert (
        status == 2
        and len(lines) == 1
        and one_line(lines[0])
        and lines[0].startswith("schoolvar: ")
    )
    for word in case.expect.says:
        assert word.casefold() in lines[0].casefold()
    assert not (tmp_path / "out").exists()


def test_the_pages_are_up_to_date():
    "The guide shows what happens today: `python tools/messy.py` writes it."
    sys.path.append(str(ROOT / "tools"))
    from messy import pages

    assert pages() == {
        p.name: p.read_text(encoding="utf-8") for p in (ROOT / "guides").glob("messy-*.qmd")
    }
