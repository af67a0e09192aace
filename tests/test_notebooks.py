"Every notebook runs as a test, and the modules are what the notebooks say."

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from notebook_process import run_notebook

ROOT = Path(__file__).resolve().parent.parent
BESIDE = ("studies", "explanations", "reports")  # folders of notebooks that export nothing
LIBRARY = sorted(p for p in (ROOT / "nbs").glob("*/*.ipynb") if p.parent.name not in BESIDE)
START = sorted((ROOT / "nbs").glob("*.ipynb"))
NOTEBOOKS = [
    p for p in sorted((ROOT / "nbs").rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts
]


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def test_every_notebook_is_collected():
    """As many notebooks are run as there are modules.

    A pattern that finds nothing would pass in silence.
    """
    modules = {
        p.relative_to(ROOT / "schoolvar").with_suffix("").as_posix()
        for p in (ROOT / "schoolvar").glob("*/*.py")
        if p.stem != "__init__"
    }
    assert {f"{p.parent.name}/{p.stem[3:]}" for p in LIBRARY} == modules
    assert len(LIBRARY) == len(modules) >= 66
    assert (
        sum(p.parent.name == "studies" for p in NOTEBOOKS) >= 12
        and sum(p.parent.name == "explanations" for p in NOTEBOOKS) >= 4
    )
    assert [p.name for p in START] == ["start.ipynb"], "any other notebook belongs into a folder"


@pytest.mark.parametrize("path", [*START, *LIBRARY], ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_library_notebook(path, tmp_path):
    """Each notebook in a process of its own.

    What one sets (options, renderers, IN_TEST) does not reach another.
    """
    passed, said = run_notebook(path, tmp_path / "said.txt")
    assert passed, f"{path.name} failed\n{said[-9000:]}"


@pytest.mark.parametrize(
    "path",
    [p for p in NOTEBOOKS if p.parent.name in ("studies", "explanations")],
    ids=lambda p: p.stem,
)
def test_study_or_explanation(path, tmp_path):
    "As it stands, from what is stored in the repository: what the site is built of."
    r = subprocess.run(
        [
            sys.executable,
            "-m",
            "papermill",
            str(path),
            str(tmp_path / path.name),
            "--cwd",
            str(path.parent),
            "--no-progress-bar",
            "-k",
            "python3",
        ],
        cwd=ROOT,
        env={**os.environ, "TQDM_DISABLE": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert r.returncode == 0, f"{path.name} failed\n{r.stderr[-4000:]}"


def test_export_and_clean_change_nothing(tmp_path):
    """A fresh export and a clean of the notebooks are no-ops.

    Modules and notebooks agree and nothing volatile is kept.
    """
    for name in ("nbs", "schoolvar", "settings.ini", "pyproject.toml", "README.md"):
        src = ROOT / name
        (shutil.copytree if src.is_dir() else shutil.copy)(
            src,
            tmp_path / name,
            **(
                {"ignore": shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")}
                if src.is_dir()
                else {}
            ),
        )

    def snapshot():
        return {
            p.relative_to(tmp_path): p.read_bytes()
            for p in tmp_path.rglob("*")
            if p.suffix in (".py", ".ipynb")
        }

    before = snapshot()
    for command in ("nbdev_export", "nbdev_clean"):
        subprocess.run(
            [str(Path(sys.executable).parent / command)],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    after = snapshot()
    assert sorted(map(str, before)) == sorted(map(str, after))
    assert [str(p) for p in before if before[p] != after[p]] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_notebook_is_fit_to_commit(path):
    """No outputs (the site runs the notebooks), no skipped cells, small, and templates keep
    papermill's tag.
    """
    found = cells(path)
    code = [c for c in found if c["cell_type"] == "code"]
    assert not [c["source"] for c in code if c["outputs"] or c["execution_count"]], (
        "run `make export`: outputs are not committed"
    )
    assert not [c["source"] for c in code if "eval: false" in "".join(c["source"])], (
        "a skipped cell is a hole in the tests"
    )
    assert len(found) <= 120
    if path.parent.name in ("reports", "studies"):
        assert sum("parameters" in c["metadata"].get("tags", []) for c in code) == 1, (
            "papermill would inject at the top and the defaults win"
        )
        assert "export" not in "".join("".join(c["source"]).split("\n")[0] for c in code), (
            "studies and reports define nothing"
        )
