"CSV files: delimiters, encodings, marks, rows that are no rows."

import pandas as pd
import pytest

from schoolvar.data.counts import read_counts
from schoolvar.data.scores import read_scores
from tests.data.made_tables import KEY, error, good_counts


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


def test_ragged_rows_are_named(tmp_path):
    for line in ("1,2,3", "1"):
        (tmp_path / "s.csv").write_text(f"school_id,score\n1,2\n1,5\n{line}\n2,3\n")
        assert error(read_scores, tmp_path / "s.csv").rows == [4]


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
