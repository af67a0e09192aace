"A table that comes in many batches is one table."

import pandas as pd

from schoolvar.data import batches, tables, text_files
from schoolvar.data.counts import read_counts
from tests.data.made_tables import error, good_counts, write


def test_rows_of_a_later_block_are_counted_from_the_top(tmp_path, monkeypatch):
    "A table that comes in many batches is one table: nothing lost, rows numbered through."
    monkeypatch.setattr(text_files, "BLOCK", 256)
    for module in (batches, tables):
        monkeypatch.setattr(module, "BATCH", 7)
    frame = good_counts(40)
    for name in ("c.csv", "c.csv.gz", "c.parquet", "c.xlsx"):
        pd.testing.assert_frame_equal(read_counts(write(frame, tmp_path / name)).frame, frame)
    frame.loc[[99, 150], "y_success"] = 77
    for name in ("c.csv", "c.parquet", "c.xlsx"):
        assert error(read_counts, write(frame, tmp_path / name)).rows == [101, 152]
