"A fit's folder: complete, readable by others, all or nothing; and what is wrong with it is said."

import csv
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from frozen_fits import LABELS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schoolvar.core.files import FolderError
from schoolvar.report.publication import read_fit
from schoolvar.sampling.diagnostics import Diagnostics
from schoolvar.sampling.fit import (
    Fit,
    FitError,
    _kind,
    _read_table,
    load_fit,
    make_manifest,
    write_table,
)


def test_there_and_back(small_fit, tmp_path):
    small_fit.save(tmp_path / "fit")
    back = load_fit(tmp_path / "fit")
    assert (
        back.model == "eight schools"
        and back.ok == small_fit.ok
        and back.verdict == small_fit.verdict
    )
    for name, t in small_fit.all_tables().items():
        pd.testing.assert_frame_equal(back.all_tables()[name], t, rtol=1e-5, check_dtype=False)
    assert (
        back.schools.dtypes["small"] == "bool"
        and back.schools.dtypes["n"] == "int64"
        and pd.api.types.is_string_dtype(back.schools["school"])
    )
    assert list(back.schools.school) == LABELS
    assert back.idata.posterior.equals(
        small_fit.idata.posterior
    ) and back.idata.sample_stats.equals(small_fit.idata.sample_stats)
    assert back.idata.attrs == small_fit.idata.attrs and back.tables[
        "variance"
    ].variance.isna().tolist() == [False, True]


def test_the_files_of_the_contract(small_fit, tmp_path):
    small_fit.save(tmp_path / "fit")
    assert sorted(p.name for p in (tmp_path / "fit").iterdir()) == [
        ".schoolvar.json",
        "fit.nc",
        "manifest.json",
        "parameters.csv",
        "schools.csv",
        "variance.csv",
    ]
    with open(tmp_path / "fit" / "parameters.csv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert list(rows[0]) == [
        "parameter",
        "mean",
        "sd",
        "q2.5",
        "q97.5",
        "ess_bulk",
        "ess_tail",
        "r_hat",
        "mcse_mean",
    ] and [r["parameter"] for r in rows] == ["mu", "tau"]
    assert len(rows[0]["mean"].replace(".", "").lstrip("0")) <= 6
    m = json.loads((tmp_path / "fit" / "manifest.json").read_text(encoding="utf-8"))
    assert set(m) >= {
        "model",
        "created",
        "settings",
        "priors",
        "source",
        "rows",
        "run",
        "timings",
        "diagnostics",
        "notes",
        "versions",
        "files",
        "columns",
    }
    assert set(m["timings"]) == {"read", "compile", "sampling", "total"} and m["timings"][
        "total"
    ] == pytest.approx(0.08)
    assert m["rows"] == dict(
        kept=dict(rows=8, schools=8), dropped=[dict(reason="no score", rows=1)]
    )
    assert (
        m["run"]["engine"] == "stanli"
        and m["run"]["seed"] == 8
        and len(m["run"]["data_sha256"]) == 64
        and m["run"]["sampler"]["metric"] == "diag_e"
    )
    assert (
        m["versions"]["stanli"]
        and m["versions"]["python"]
        and m["diagnostics"]["verdict"]
        and m["settings"]["sigma"][0] == 15.0
    )
    assert "NaN" not in (tmp_path / "fit" / "manifest.json").read_text()


def test_two_saves_are_equal(small_fit, tmp_path):
    # HDF5 counts time in seconds
    small_fit.save(tmp_path / "a")
    time.sleep(1.1)
    small_fit.save(tmp_path / "b")
    for p in (tmp_path / "a").iterdir():
        assert p.read_bytes() == (tmp_path / "b" / p.name).read_bytes(), p.name


def test_a_loaded_fit_saves_the_same_tables(small_fit, tmp_path):
    load_fit(small_fit.save(tmp_path / "a")).save(tmp_path / "b")
    for name in ("schools.csv", "parameters.csv", "variance.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_parquet(small_fit, tmp_path):
    small_fit.save(tmp_path / "fit", parquet=True)
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "fit" / "schools.parquet"), small_fit.schools
    )
    load_fit(tmp_path / "fit")


@pytest.mark.parametrize(
    "text",
    ["001", "NA", "null", "nan", "1e5", "", 'a,b "c"', "é—ü", "=1+1", "two\nlines", "\0", "a\0b"],
)
def test_any_text_survives(small_fit, tmp_path, text):
    "A school named NA is not missing, and 1e5 is not a number"
    small_fit.schools["school"] = [text] + LABELS[1:]
    back = load_fit(small_fit.save(tmp_path / "fit")).schools["school"]
    assert (back[0] == text) if text else pd.isna(back[0]) or back[0] == ""


def test_missing_whole_numbers(small_fit, tmp_path):
    small_fit.schools["rank"] = pd.array([1, None, 3, 4, 5, 6, 7, 8], dtype="Int64")
    small_fit.schools["flag"] = pd.array([True, None] * 4, dtype="boolean")
    back = load_fit(small_fit.save(tmp_path / "fit")).schools
    assert (
        back["rank"].isna().sum() == 1 and back["rank"][0] == 1 and back["flag"].isna().sum() == 4
    )


# All or nothing


def test_an_earlier_fit_stays_until_the_new_one_is_whole(small_fit, tmp_path, monkeypatch):
    small_fit.save(tmp_path / "fit")
    before = {p.name: p.read_bytes() for p in (tmp_path / "fit").iterdir()}
    import schoolvar.sampling.fit as module

    def full(*a, **k):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "save_draws", full)
    with pytest.raises(OSError, match="No space"):
        small_fit.save(tmp_path / "fit")
    assert {p.name: p.read_bytes() for p in (tmp_path / "fit").iterdir()} == before and os.listdir(
        tmp_path
    ) == ["fit"]
    with pytest.raises(OSError):
        small_fit.save(tmp_path / "new")
    assert os.listdir(tmp_path) == ["fit"]


def test_saving_replaces_all_of_an_earlier_fit(small_fit, tmp_path):
    small_fit.save(tmp_path / "fit")
    small_fit.tables.clear()
    small_fit.save(tmp_path / "fit")
    assert (
        not (tmp_path / "fit" / "variance.csv").exists() and load_fit(tmp_path / "fit").tables == {}
    )


def test_a_folder_of_something_else_is_left_alone(small_fit, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "essay.txt").write_text("mine")
    with pytest.raises(FolderError, match="holds essay.txt, which schoolvar did not write"):
        small_fit.save(tmp_path / "work")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FolderError, match="is a file, not a folder"):
        small_fit.save(tmp_path / "file")
    assert (tmp_path / "work" / "essay.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    small_fit.save(tmp_path / "empty")


# What is wrong is said


@pytest.mark.parametrize(
    "fault, say",
    [
        ("no folder", "manifest.json is missing"),
        ("a file", "manifest.json is missing"),
        ("no manifest", "manifest.json is missing"),
        ("half a manifest", "cannot be read"),
        ("another manifest", "not the manifest of a fit"),
        ("no draws", "fit.nc is missing"),
        ("half the draws", "fit.nc was changed or cut short"),
        ("a row less", "schools.csv was changed"),
    ],
)
def test_faults_of_a_folder(small_fit, tmp_path, fault, say):
    d = small_fit.save(tmp_path / "fit")
    if fault == "no folder":
        shutil.rmtree(d)
    if fault == "a file":
        shutil.rmtree(d)
        d.write_text("")
    if fault == "no manifest":
        (d / "manifest.json").unlink()
    if fault == "half a manifest":
        (d / "manifest.json").write_text((d / "manifest.json").read_text()[:200])
    if fault == "another manifest":
        (d / "manifest.json").write_text("{}")
    if fault == "no draws":
        (d / "fit.nc").unlink()
    if fault == "half the draws":
        (d / "fit.nc").write_bytes((d / "fit.nc").read_bytes()[:1000])
    if fault == "a row less":
        (d / "schools.csv").write_text("\n".join((d / "schools.csv").read_text().splitlines()[:-1]))
    with pytest.raises(FitError, match=say) as e:
        load_fit(d)
    assert "\n" not in str(e.value)


def test_parameter_by_name(small_fit):
    assert small_fit.parameter("tau")["mean"] == small_fit.parameters["mean"][1]
    with pytest.raises(KeyError, match="no parameter 'sigma'; there are: mu, tau"):
        small_fit.parameter("sigma")


def test_a_fit_that_fails_says_so_everywhere(small_fit, tmp_path):
    small_fit.manifest["diagnostics"] = Diagnostics(
        False,
        "The draws should not be relied on.",
        ["1 of 1,600 transitions diverged"],
        small_fit.parameters,
    ).to_dict()
    back = load_fit(small_fit.save(tmp_path / "fit"))
    assert (
        not back.ok
        and "NOT pass" in repr(back)
        and "Diagnostics fail" in back._repr_html_()
        and "relied" in back._repr_html_()
    )
    assert not Fit("x", small_fit.parameters, small_fit.schools, small_fit.idata, {}).ok


def test_the_notebook_s_view_escapes_names(small_fit):
    small_fit.manifest["notes"] = ["<script>alert(1)</script>"]
    small_fit.parameters.loc[0, "parameter"] = "<b>"
    html = small_fit._repr_html_()
    assert (
        "<script>" not in html
        and "<b>" not in html
        and "8 schools" in html
        and "1 dropped: no score" in html
    )


def test_manifest_holds_what_is_not_json():
    m = make_manifest(
        "m",
        settings=dict(
            a=np.float64(1.5), b=np.arange(2), c=np.nan, d=("x",), e=np.bool_(True), f=None
        ),
        priors={},
        source=dict(path=os.curdir),
        diagnostics=dict(ok=True),
    )
    assert m["settings"] == dict(a=1.5, b=[0, 1], c=None, d=["x"], e=True, f=None) and json.dumps(
        m, allow_nan=False
    )
    assert m["timings"] == dict(read=0, compile=0, sampling=0, total=0) and m["run"] == dict(
        cached=False, sampler={}
    )


def test_six_digits(tmp_path):
    write_table(
        pd.DataFrame(dict(x=[1 / 3, 1e-9, 123456789.123, np.nan, 0.0], n=[1234567890, 2, 3, 4, 5])),
        tmp_path / "t.csv",
    )
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        "x,n",
        "0.333333,1234567890",
        "1e-09,2",
        "1.23457e+08,3",
        ",4",
        "0,5",
    ]


def test_further_files_come_along(small_fit, tmp_path):
    small_fit.files["g3_school_quality.parquet"] = b"bytes"
    d = small_fit.save(tmp_path / "fit", parquet=True)
    assert (d / "g3_school_quality.parquet").read_bytes() == b"bytes" and load_fit(
        d
    ).files == small_fit.files
    (d / "g3_school_quality.parquet").write_bytes(b"byte")
    with pytest.raises(FitError, match="g3_school_quality.parquet was changed"):
        load_fit(d)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=8),
    st.data(),
)
def test_any_table_survives(tmp_path, names, data):
    "Whatever a school is called, and whatever a number is"
    n = len(names)
    t = pd.DataFrame(
        dict(
            school=pd.array(names, dtype="str"),
            n=data.draw(st.lists(st.integers(-(2**62), 2**62), min_size=n, max_size=n)),
            x=data.draw(
                st.lists(
                    st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=n, max_size=n
                )
            ),
            flag=data.draw(st.lists(st.booleans(), min_size=n, max_size=n)),
        )
    )
    write_table(t, tmp_path / "t.csv")
    back = _read_table(tmp_path / "t.csv", {c: _kind(t[c]) for c in t})
    assert (
        list(back.school) == names and list(back.n) == list(t.n) and list(back.flag) == list(t.flag)
    )
    np.testing.assert_allclose(back.x, t.x, rtol=1e-5)


def test_reports_read_the_same_names(consistency_fit, tmp_path):
    names = ["a\0b", "\0", "NA", "001", *consistency_fit.schools.school[4:]]
    consistency_fit.schools["school"] = names
    assert (
        list(read_fit(consistency_fit.save(tmp_path / "fit"), "consistency")["schools"].school)
        == names
    )


@pytest.mark.parametrize(
    "locale, zone", [("C", "Pacific/Kiritimati"), ("tr_TR.UTF-8", "Pacific/Niue")]
)
def test_locale_and_zone_do_not_matter(small_fit, tmp_path, locale, zone):
    small_fit.schools.loc[0, "district"] = "Île—İstanbul"
    small_fit.save(tmp_path / "a")
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    code = f"from schoolvar.sampling.fit import load_fit; load_fit({a!r}).save({b!r})"
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={
            **os.environ,
            "LC_ALL": locale,
            "TZ": zone,
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
        },
    )
    for p in (tmp_path / "a").glob("*.csv"):
        assert p.read_bytes() == (tmp_path / "b" / p.name).read_bytes()
    assert load_fit(tmp_path / "b").schools["district"][0] == "Île—İstanbul"


# The frozen fits of the models


def test_frozen_fits_keep_the_contract(consistency_fit, achievement_fit, value_added_fit):
    "Files and columns as other programs expect them"
    want = "parameter mean sd q2.5 q97.5 ess_bulk ess_tail r_hat mcse_mean".split()
    for fit in (consistency_fit, achievement_fit, value_added_fit):
        assert (
            fit.ok
            and list(fit.parameters)[:9] == want
            and fit.manifest["priors"]
            and fit.idata.posterior.sizes["chain"] % 4 == 0
        )
        assert fit.schools["school"].is_unique and pd.api.types.is_string_dtype(
            fit.schools["school"]
        )
    assert {
        "location_intercept",
        "scale_intercept",
        "sd_location",
        "sd_scale",
        "correlation",
    } <= set(consistency_fit.parameters.parameter)
    assert set(
        "school n mean mean_lower mean_upper sd sd_lower sd_upper effect effect_lower"
        " effect_upper pip pip_mcse bayes_factor direction verdict".split()
    ) <= set(consistency_fit.schools)
    assert {"sd_school", "sd_cohort", "sd_subject"} <= set(achievement_fit.parameters.parameter)
    assert set(
        "school district n_trials raw estimate estimate_lower estimate_upper effect"
        " effect_lower effect_upper rank_lower rank_upper".split()
    ) <= set(achievement_fit.schools)
    assert set(achievement_fit.tables["variance"].component) == {
        "school",
        "cohort",
        "subject",
        "binomial",
    }
    assert "slope" in set(value_added_fit.parameters.parameter) and set(
        "school district value_added value_added_lower value_added_upper earlier_quality"
        " earlier_quality_sd".split()
    ) <= set(value_added_fit.schools)


def test_frozen_tables_agree_with_their_draws(consistency_fit, achievement_fit):
    "The table of a parameter is of all draws; the kept ones say the same to within their error"
    for fit in (consistency_fit, achievement_fit):
        for name in ("sd_location", "sd_scale", "sd_school", "sd_cohort"):
            if name in fit.idata.posterior:
                row, x = fit.parameter(name), fit.idata.posterior[name].values
                assert abs(x.mean() - row["mean"]) < 5 * row["sd"] / np.sqrt(0.5 * x.size)
