"Sheets of workbooks."

import pandas as pd

from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts
from tests.data.made_tables import error, good_counts, write


def test_sheets(tmp_path):
    with pd.ExcelWriter(tmp_path / "c.xlsx", engine="xlsxwriter") as w:
        pd.DataFrame({"Read me": ["this is about"]}).to_excel(w, sheet_name="About", index=False)
        good_counts().to_excel(w, sheet_name="Counts", index=False)
    assert len(read_counts(tmp_path / "c.xlsx", sheet="Counts").frame) == 16
    assert "sheets found: About, Counts" in str(
        error(read_counts, tmp_path / "c.xlsx", sheet="Data")
    )


def test_a_workbook_cut_short(tmp_path):
    "Found by fuzzing: half a zip archive looks like one to some and not to others."
    write(good_counts(), tmp_path / "c.xlsx")
    body = (tmp_path / "c.xlsx").read_bytes()
    for cut in (100, len(body) // 2, len(body) - 60, len(body) - 5):
        (tmp_path / "c.xlsx").write_bytes(body[:cut] + body[cut + 3 :])
        try:
            read_counts(tmp_path / "c.xlsx")
        except DataError as e:
            assert "\n" not in str(e)
