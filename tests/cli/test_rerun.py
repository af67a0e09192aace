"A study that is run again goes the way of a report: a release number, and it is read back."

import json
import os
from pathlib import Path

import nbformat
import pytest

from schoolvar.cli import parts
from schoolvar.cli import rerun as rerunning
from schoolvar.report.labels import template
from schoolvar.report.publication import ReportError

HOW = dict(policy="us", workers=1, parameters={"school": "school_id"})


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    table = parts.example_table("consistency")
    names = {"school": "school_id"}
    table.rename(columns=names).to_csv(path, index=False)
    return path


def test_a_study_carries_a_release_number_and_its_record_is_private(scores, tmp_path):
    made = rerunning.rerun("consistency", scores, tmp_path / "out", **HOW)
    assert not made.failed and made.release
    pages = [tmp_path / "out" / name for name in ("index.html", "consistency.html")]
    notebook = json.loads((tmp_path / "out/consistency.ipynb").read_text())
    assert all(made.release in page.read_text(encoding="utf-8") for page in pages)
    assert notebook["metadata"]["schoolvar"]["release"] == made.release
    record = json.loads(made.record.read_text())
    assert record["data"] == str(scores) and len(record["data_sha256"]) == 64
    assert Path(made.record).is_relative_to(os.environ["SCHOOLVAR_STATE"])
    assert record["data_sha256"] not in "".join(page.read_text() for page in pages)
    # the same study of the same table has the same number, and one may be asked for
    again = rerunning.rerun("consistency", scores, tmp_path / "again", **HOW)
    assert again.release == made.release
    how = HOW | dict(parameters={"school": "school_id", "release": "spring"})
    assert rerunning.rerun("consistency", scores, tmp_path / "named", **how).release == "spring"


def test_a_study_that_shows_more_is_not_written(scores, tmp_path, monkeypatch):
    "Somebody adds a table of the schools' students to the template."
    nb = nbformat.read(template("rerun.ipynb"), 4)
    shown = "show(render.frame_block(table.schools[['school', 'n']], 'Students'))"
    nb.cells.append(nbformat.v4.new_code_cell(shown))
    nbformat.write(nb, tmp_path / "rerun.ipynb")
    monkeypatch.setattr(rerunning, "template", lambda name: tmp_path / "rerun.ipynb")
    with pytest.raises(ReportError, match="the column 'school', which the audit cannot read"):
        rerunning.rerun("consistency", scores, tmp_path / "out", **HOW)
    assert not (tmp_path / "out").exists()
    # a notebook of the user's is the user's: that it was not read back is said
    said = []
    own = tmp_path / "rerun.ipynb"
    how = HOW | dict(parameters={"what": "consistency", "reader": {"school": "school_id"}})
    made = rerunning.rerun(str(own), scores, tmp_path / "own", **how, say=said.append)
    assert not made.failed and any("cannot read" in sentence for sentence in said)
