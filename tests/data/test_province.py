"The invented province belongs together and says that it is simulated."

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from schoolvar.data.province import simulate_province


@pytest.fixture(scope="module")
def province():
    return simulate_province()


def test_province_belongs_together(province):
    p = province
    assert len(p.truth) == 200 and p.truth.district_id.nunique() == 12
    assert set(p.scores.school_id) == set(p.counts.school_id) == set(p.truth.school)
    c = p.counts
    assert (
        c.y_success.between(0, c.n_trials).all()
        and (c.n_trials >= 1).all()
        and c.participation.between(0, 1).all()
    )
    assert not c.duplicated(["school_id", "year", "grade", "subject"]).any()
    assert (c.groupby("school_id").district_id.nunique() == 1).all()
    math = c[c.subject == "Math"]
    top = (
        math[math.grade == math.groupby("school_id").grade.transform("max")]
        .groupby("school_id")
        .n_trials.sum()
    )
    pd.testing.assert_series_equal(top, p.scores.groupby("school_id").size(), check_names=False)
    raw = c.groupby("school_id")[["y_success", "n_trials"]].sum().eval("y_success / n_trials")
    assert np.corrcoef(raw, p.scores.groupby("school_id").score.mean())[0, 1] > 0.6
    only = p.truth.set_index("school").grades.value_counts()
    assert only["earlier only"] > 3 and only["later only"] > 3
    assert p.truth.n_scores.min() < 10


def test_planted_schools_show(province):
    t = province.truth.set_index("school")
    sd = province.scores.groupby("school_id").score.std()
    large = t.n_scores > 60
    typical = sd[large & (t.kind == "typical")]
    assert (
        sd[large & (t.kind == "consistent")].max()
        < typical.median()
        < sd[large & (t.kind == "inconsistent")].min()
    )
    assert typical.mean() == pytest.approx(t.sd[t.kind == "typical"].mean(), abs=0.01)


def test_everything_simulated_says_so(province):
    assert (
        province.source["simulated"]
        and "Simulated" in province.label
        and province.label in repr(province)
    )
    for frame in (province.scores, province.counts, province.truth):
        ids = frame.iloc[:, 0]
        assert ids.str.startswith("SIM").all() and frame.district.str.startswith("Simulated").all()


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_written_files_are_read_back(province, tmp_path, format):
    files = province.write(tmp_path / "a", format)
    read = (
        (lambda p: pd.read_csv(p, dtype={"school_id": "str"}))
        if format == "csv"
        else pd.read_parquet
    )
    pd.testing.assert_frame_equal(read(files["counts"]), province.counts, check_dtype=False)
    assert len(read(files["scores"])) == len(province.scores)
    assert json.loads(files["source"].read_text())["simulated"] is True
    again = simulate_province().write(tmp_path / "b", format)
    assert files["counts"].read_bytes() == again["counts"].read_bytes()
    if format == "csv":
        assert (
            gzip.open(files["scores"], "rt")
            .readline()
            .startswith("school_id,school_name,district_id,district,")
        )


def test_a_province_of_any_size():
    p = simulate_province(3, 10, seed=1)
    assert len(p.truth) == 10 and p.truth.district_id.nunique() == 3
    assert simulate_province(2, 1000, seed=1).truth.school_name.is_unique
    with pytest.raises(ValueError, match="n_districts"):
        simulate_province(5, 4)
    with pytest.raises(ValueError, match="csv or parquet"):
        p.write("nowhere", format="xlsx")
