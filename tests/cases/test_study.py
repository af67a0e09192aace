"A study as stored and of other data: the same tables, and one line for what cannot be."

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from schoolvar.cases.study import (
    CASES,
    StudyError,
    find_case,
    stored_file,
    study,
    unknown_parameters,
)
from schoolvar.core.errors import DataError
from schoolvar.data.simulate import simulate_scores, simulate_two_grades

ROOT = Path(__file__).resolve().parents[2]
NBS = ROOT / "nbs"
OWN = {  # study -> settings for the small tables below
    "saeb": dict(score="maths"),
    "pennsylvania": dict(years="2021-2023", later=6),
    "new_york": dict(eras="2021-2022;2023-2024", grade=3),
    "chemistry": dict(score="maths", covariate="ses"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    at = tmp_path_factory.mktemp("data")
    spread = dict(sd_scale=0.3, share_unusual=0.2)
    scores = simulate_scores(25, students=30, seed=5, **spread).frame
    scores = scores.rename(columns={"score": "maths"})
    scores["ses"] = [(7 * i) % 11 / 10 for i in range(len(scores))]
    scores["district_id"] = scores.school_id.str[-1]
    scores.to_csv(at / "my.csv", index=False)
    counts = simulate_two_grades(40, years=(2021, 2022, 2023, 2024), seed=3).frame
    counts["district_id"] = counts.school_id.str[-1]
    counts.to_csv(at / "counts.csv", index=False)
    return at


def data_of(name, folder):
    return folder / ("my.csv" if name in ("saeb", "chemistry") else "counts.csv")


# ---------------------------------------------------------------- one line, both ways


@pytest.mark.parametrize("name", OWN)
def test_own_data_give_the_tables_of_the_stored_summary(name, folder):
    stored, own = study(name), study(name, data_of(name, folder), say=None, **OWN[name])
    assert sorted(own.tables) == sorted(stored.tables)
    assert stored.stored and not own.stored and own.stale == []
    for table in own.manifest["files"]:
        table = Path(table).stem
        missing = set(stored.tables[table]) - set(own.tables[table])
        # names of schools, the rows of a covariate
        assert missing <= {"school_name"}, (table, missing)
    assert "From the stored summary: nothing" in stored._repr_html_()
    assert "Computed here, from your data." in own._repr_html_()


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("high_school", "how_to_be_wrong")])
def test_a_stored_study_has_every_sentence_and_chart(name):
    from schoolvar.charts.html import chart_block

    made = study(name)
    for said in made.case.says:
        assert re.search(r"[a-z]", made.says(said)) and "nan" not in made.says(said)
    for chart in made.case.plots:
        assert "sv-chart" in chart_block(made.plot(chart))


def test_every_study_has_its_notebook_and_no_other():
    names = [re.sub(r"^\d+_", "", p.stem) for p in sorted((NBS / "studies").glob("*.ipynb"))]
    assert names == list(CASES) == [find_case(n).name for n in names]


def test_a_summary_is_kept_with_its_story(folder, tmp_path):
    made = study("saeb", folder / "my.csv", score="maths", store=tmp_path / "kept", say=None)
    manifest = json.loads((tmp_path / "kept" / "manifest.json").read_text(encoding="utf-8"))
    stored = json.loads((stored_file("saeb") / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["settings"]) == set(stored["settings"])
    assert set(manifest["files"]) == set(stored["files"])
    assert manifest["command"] == stored["command"] and manifest["data"].keys() == {"my.csv"}
    assert made.about.startswith("Made on")


@pytest.mark.parametrize(
    "name, data, settings, error, said",
    [
        ("seab", "", {}, StudyError, "did you mean 'saeb'?"),
        ("saeb", "", dict(scores="x"), StudyError, "no setting 'scores'; did you mean 'score'?"),
        ("saeb", "", dict(seed="two"), StudyError, "seed is 'two', which is not a whole number"),
        ("saeb", "", dict(seed=2), StudyError, "was made with seed=1; for seed=2 give data"),
        ("saeb", "nowhere.csv", {}, DataError, "nowhere.csv: there is no such file"),
        ("pennsylvania", "x.csv", dict(years="lately"), StudyError, "write 2017-2019 or"),
        ("chemistry", "nowhere.csv", {}, DataError, "nowhere.csv: there is no such file"),
        ("limits", "nowhere.csv", {}, DataError, "nowhere.csv: there is no such file"),
        ("calibration", "nowhere", {}, StudyError, "no calibration study is stored there"),
        ("agreement", "nowhere", {}, StudyError, "run benchmarks/agreement.py"),
        ("how_to_be_wrong", "", dict(n_schools=3), StudyError, "60 at least"),
    ],
)
def test_what_cannot_be_is_one_line(name, data, settings, error, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as raised:
        study(name, data, say=None, **settings)
    line = str(raised.value)
    assert said in line and "\n" not in line
    assert raised.value._render_traceback_() == [f"{error.__name__}: {line}"]


def test_a_table_that_is_absent_names_the_nearest():
    saeb = study("saeb")
    with pytest.raises(AttributeError, match="no table 'shools'; did you mean 'schools'"):
        saeb.shools  # noqa: B018
    with pytest.raises(StudyError, match="no sentence 'midle'; did you mean 'middle'"):
        saeb.says("midle")
    assert "schools" in dir(saeb)


def test_wrong_rows_are_refused(folder):
    with pytest.raises(DataError, match="my.csv: there is no column 'share'"):
        study("known_truth", folder / "my.csv")


def test_parameters_are_read_from_the_cells():
    cells = ["%load_ext x", 'data = ""\nseed = 1', "# Parameters\nsead = 2\n", "sead"]
    assert unknown_parameters(cells) == (["sead"], ["data", "seed"])
    assert unknown_parameters(["seed = 1", "# Parameters\nseed = 2\n"])[0] == []


# ---------------------------------------------------------------- papermill and rerun


def papermill(notebook, out, *parameters, cwd):
    return subprocess.run(
        [
            *(sys.executable, "-m", "papermill", str(notebook), str(out)),
            *("--no-progress-bar", "-k", "python3", *parameters),
        ],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "TQDM_DISABLE": "1"},
    )


def outputs(path):
    nb = json.loads(Path(path).read_text(encoding="utf-8"))
    return [o for c in nb["cells"] if c["cell_type"] == "code" for o in c["outputs"]]


def shown(path):
    "Tables, sentences and charts of an executed notebook, without what differs between two runs."
    found = []
    for output in outputs(path):
        data = output.get("data", {})
        html, plain = "".join(data.get("text/html", "")), "".join(data.get("text/plain", ""))
        specs = re.findall(r'<script type="application/json">(.*?)</script>', html, re.S)
        text = "".join(specs) or html or plain or "".join(output.get("text", ""))
        if "Computed here" not in text:  # with the seconds that it took
            found.append(text)
    return found


@pytest.mark.slow
def test_papermill_and_rerun_say_the_same(folder, tmp_path):
    "From another folder, with the file named as it lies there."
    notebook, given = NBS / "studies" / "10_saeb.ipynb", ("data", "my.csv", "score", "maths")
    flags = ("-p", *given[:2], "-p", *given[2:])
    run = papermill(notebook, tmp_path / "out.ipynb", *flags, cwd=folder)
    assert run.returncode == 0, run.stderr[-2000:]
    rerun = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schoolvar")), "rerun", str(notebook)),
            *("--data", "my.csv", "-p", "score=maths", "--out", str(tmp_path / "reruns")),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert rerun.returncode == 0, rerun.stderr
    (again,) = (tmp_path / "reruns").glob("*.ipynb")
    first, second = shown(tmp_path / "out.ipynb"), shown(again)
    assert len(first) > 14 and sum('"mark"' in text or '"layer"' in text for text in first) >= 7
    assert first == second
    assert "my.csv: five fits" in first[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "study, parameters, said",
    [
        ("10_saeb", ("scoer", "maths"), "no parameter 'scoer'; did you mean 'score'? it has data"),
        ("10_saeb", ("data", "nowhere.csv"), "DataError: nowhere.csv: there is no such file"),
        ("20_pennsylvania", ("grade", "three"), "grade is 'three', which is not a whole number"),
        ("40_high_school", ("score", "maths"), "there is no column 'maths'"),
        ("50_how_to_be_wrong", ("n_school", "80"), "no parameter 'n_school'"),
    ],
)
def test_papermill_refuses_in_one_line(study, parameters, said, tmp_path):
    run = papermill(
        NBS / "studies" / f"{study}.ipynb", tmp_path / "out.ipynb", "-p", *parameters, cwd=tmp_path
    )
    assert run.returncode and said in run.stderr.strip().splitlines()[-1]
    (error,) = (o for o in outputs(tmp_path / "out.ipynb") if o["output_type"] == "error")
    assert len(error["traceback"]) == 1 and said in error["traceback"][0]


def test_displayed_tables_are_frames():
    for name in ("saeb", "pennsylvania", "new_york", "chemistry", "limits"):
        kinds = {type(t) for t in study(name).tables.values()}
        assert kinds <= {pd.DataFrame, float}
