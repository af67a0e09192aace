"The house is in order: widths, lengths, imports, types, and nothing that is run is lost."

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import LONGEST, absent

from tools import house

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ROOMS = house.rooms()
PACKAGES = [room for room, files in ROOMS.items() if (ROOT / "schoolvar" / room).is_dir()]
every_room = pytest.mark.parametrize("room", ROOMS)
every_package = pytest.mark.parametrize("room", PACKAGES)


def run(name, *args):
    "A tool of the dev extra, run in the checkout; in CI it is there."
    program = shutil.which(name, path=BIN) or shutil.which(name)
    if program is None:
        absent("house", f"{name} is not installed")
    found = subprocess.run([program, *args], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert found.returncode in (0, 1), found.stdout + found.stderr
    return found.stdout


def room_of(path):
    "The room that a file belongs to."
    full = (ROOT / path).resolve()
    return next((room for room, files in ROOMS.items() if full in files), "nowhere")


# ---------------------------------------------------------------- nothing is lost


def test_every_file_has_a_room():
    "A file that no limit looks at would grow in silence."
    folders = ("nbs", "schoolvar", "tests", "tools", "benchmarks")
    there = {
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".ipynb") and ".ipynb_checkpoints" not in path.parts
    }
    beside = {ROOT / "schoolvar" / name for name in ("__init__.py", "_modidx.py")}
    listed = [path for files in ROOMS.values() for path in files]
    assert sorted(listed) == sorted(there - beside)


def test_the_longest_files_are_there():
    "Those that are begun first, by name: a name that is gone would cost minutes in silence."
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []


@pytest.fixture(scope="module")
def collected():
    "The notebooks that tests run, as pytest collects them."
    args = ["-m", "pytest", "--collect-only", "-q", "-n", "0", "tests/test_notebooks.py"]
    found = subprocess.run(
        [sys.executable, *args], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert found.returncode == 0, found.stdout[-2000:]
    return found.stdout


@pytest.mark.parametrize(
    "test, kind",
    [("test_library_notebook", "library"), ("test_study_or_explanation", "pages")],
)
def test_every_notebook_is_collected_once(collected, test, kind):
    "Library, studies, explanations and the start: each is run, none twice, none is forgotten."
    run = re.findall(rf"::{test}\[(.+)\]", collected)
    pages = ("studies", "explanations")
    wanted = [
        f"{path.parent.name}/{path.stem}" if kind == "library" else path.stem
        for path in (ROOT / "nbs").rglob("*.ipynb")
        if ".ipynb_checkpoints" not in path.parts
        and path.parent.name != "reports"
        and (path.parent.name in pages) == (kind == "pages")
    ]
    assert sorted(run) == sorted(wanted) and len(run) >= (16 if kind == "pages" else 67)


# ---------------------------------------------------------------- limits


@every_room
def test_no_line_is_too_wide(room):
    "A hundred columns; one line in a hundred may have up to 120."
    assert house.too_wide(ROOMS[room]) == []


@every_room
def test_no_module_is_too_long(room):
    assert house.too_long_modules(ROOMS[room]) == []


@every_room
def test_no_function_is_too_long(room):
    assert house.too_long_functions(ROOMS[room]) == []


@every_room
def test_no_lambda_has_a_name(room):
    assert house.named_lambdas(ROOMS[room]) == []


@every_package
def test_imports_are_at_the_top(room):
    assert house.late_imports(ROOMS[room]) == []


@every_package
def test_the_threshold_has_one_default(room):
    "To change it everywhere is to change core.defaults.THRESHOLD."
    assert house.thresholds_of_their_own(ROOMS[room]) == []


def test_the_limits_see_what_is_beyond_them(tmp_path, monkeypatch):
    "Each limit finds a fault that is there."
    monkeypatch.setattr(house, "ROOT", tmp_path)
    path = tmp_path / "schoolvar" / "core" / "long.py"
    path.parent.mkdir(parents=True)
    lines = ["def late():", "    from schoolvar.data import tables", *["    late()"] * 70]
    path.write_text("\n".join([*lines, "named = lambda: 0", *["x = 1"] * 400]))
    other = path.with_name("other.py")
    flag = "def flag(pip, threshold=0.7, *, more=1):\n    return pip >= threshold\n"
    other.write_text(f"{flag}THRESHOLD = 0.7\n")
    assert house.thresholds_of_their_own([other]) == [
        "schoolvar/core/other.py:1: flag",
        "schoolvar/core/other.py:3: THRESHOLD",
    ]
    wide = tmp_path / "tools" / "wide.py"
    wide.parent.mkdir()
    wide.write_text(f"x = '{'x' * 120}'\n")
    assert house.late_imports([path]) == ["schoolvar/core/long.py:2: imported in late"]
    assert house.too_long_functions([path]) == ["schoolvar/core/long.py:1: late has 72 lines"]
    assert house.named_lambdas([path]) == ["schoolvar/core/long.py:73: a lambda with a name"]
    assert house.too_long_modules([path]) == ["schoolvar/core/long.py: 473 lines"]
    assert house.too_wide([wide]) == ["tools/wide.py:1: 126 columns"]


# ---------------------------------------------------------------- tools


@pytest.fixture(scope="module")
def found_by_ruff():
    found = json.loads(run("ruff", "check", "--output-format", "json", "."))
    said = {}
    for fault in found:
        name = Path(fault["filename"])
        where = fault["location"]
        line = f"{name.relative_to(ROOT)}:{where['row']}: {fault['code']} {fault['message']}"
        said.setdefault(room_of(name), []).append(line)
    return said


@pytest.fixture(scope="module")
def badly_formatted():
    said = {}
    for name in re.findall(r"^Would reformat: (.+)$", run("ruff", "format", "--check", "."), re.M):
        said.setdefault(room_of(name), []).append(name)
    return said


@pytest.fixture(scope="module")
def found_by_mypy():
    said = {}
    for line in run("mypy").splitlines():
        if ": error: " in line:
            said.setdefault(room_of(line.split(":")[0]), []).append(line)
    return said


@every_room
def test_ruff_is_content(room, found_by_ruff):
    assert found_by_ruff.get(room, []) == []


@every_room
def test_the_form_is_that_of_ruff(room, badly_formatted):
    assert badly_formatted.get(room, []) == []


@every_package
def test_types_hold(room, found_by_mypy):
    "In core, data, sampling and cli all of them, elsewhere the names in signatures."
    assert found_by_mypy.get(room, []) == []


def test_nothing_outside_the_rooms_is_faulty(found_by_ruff, badly_formatted, found_by_mypy):
    for found in (found_by_ruff, badly_formatted, found_by_mypy):
        assert found.get("nowhere", []) == []


def test_rooms_import_downwards_and_in_no_circle():
    "The contracts of import-linter, imports within functions included."
    said = run("lint-imports", "--no-cache")
    assert re.search(r"Contracts: [2-9] kept, 0 broken\.", said), said[said.find("Analyzed") :]
