"All parts of a report are protected together, once, and no school is left out without a word."

import numpy as np
import pandas as pd
import pytest

from schoolvar.cli.main import main
from schoolvar.data.province import simulate_province
from schoolvar.report import withholding


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    "A run where a third of the schools are small: its tables, its counts, what was protected."
    folder = tmp_path_factory.mktemp("run")
    province = simulate_province(2, 16, seed=8)
    counts, rng = province.counts, np.random.default_rng(8)
    ids = sorted(counts.school_id.unique())
    small = counts.school_id.isin(rng.choice(ids, len(ids) // 3, replace=False))
    n = np.maximum(1, counts.n_trials // 5)
    share = counts.y_success / counts.n_trials
    counts["y_success"] = np.where(small, np.minimum(n, (share * n).round()), counts.y_success)
    counts["n_trials"] = np.where(small, n, counts.n_trials)
    counts.to_csv(folder / "counts.csv", index=False)
    asked, plain = [], withholding.protect

    def protect(sums, *how, **more):
        asked.append(sums.n.tobytes() if sums.y is not None else None)
        return plain(sums, *how, **more)

    options = ["--grade", "3", "--draws", "50", "--formats", "notebook", "--workers", "1"]
    files = ["--counts", str(folder / "counts.csv"), "--out", str(folder / "out")]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(withholding, "protect", protect)
        main(["run", *files, *options])
    names = ("achievement", "years", "cells")
    tables = {name: pd.read_parquet(folder / f"out/data/{name}.parquet") for name in names}
    return tables, counts[counts.grade == 3], [table for table in asked if table]


def test_no_school_is_left_out_without_a_word(made):
    "A school of which every cell hides another cannot be fitted: it stays, with the code."
    tables, counts, _ = made
    schools, cells = tables["achievement"], tables["cells"]
    assert set(schools.school) == set(counts.school_id)
    without = set(cells.school) - set(cells.school[cells.state == ""])
    assert without and (schools[schools.school.isin(without)].state == "c").all()
    shown = schools[schools.state == ""]
    assert shown.estimate.notna().all()


def test_totals_count_every_school(made):
    tables, counts, _ = made
    everyone = tables["years"].query("level == 'all' and state == ''")
    truth = counts.groupby(["year", "subject"]).n_trials.sum()
    assert len(everyone)
    for row in everyone.itertuples():
        assert row.n_trials == truth[row.year, row.subject]


def test_the_same_table_is_protected_once(made):
    "Before the fits and for the pages it is the same question; only another round is another one."
    *_, asked = made
    assert len(asked) == 2, "one for the table, one with the schools that go as a whole"
