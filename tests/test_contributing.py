"CONTRIBUTING leads to what is there: every name of its walk, every file and folder, every command."

import importlib
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROOMS = sorted(path.parent.name for path in (ROOT / "schoolvar").glob("*/__init__.py"))
NAMES = sorted(set(re.findall(rf"`((?:{'|'.join(ROOMS)})\.\w+(?:\.\w+)?)`", TEXT)))
WALK = TEXT[TEXT.index("## From a table") : TEXT.index("## Where do I change")]


def test_the_walk_is_a_dozen_steps_through_the_rooms():
    assert len(re.findall(r"^\d+\. ", WALK, re.M)) == 12
    rooms = {name.split(".")[0] for name in NAMES if f"`{name}`" in WALK}
    assert {"cli", "data", "achievement", "sampling", "report", "core"} <= rooms


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there(name):
    room, module, *inside = name.split(".")
    found = importlib.import_module(f"schoolvar.{room}.{module}")
    assert all(hasattr(found, part) for part in inside), name


def test_each_file_is_there():
    there = re.findall(r"`((?:nbs|tests|stan|tools|schoolvar)/[\w./]*)`", TEXT)
    assert len(there) >= 15
    assert [name for name in there if not (ROOT / name).exists()] == []


def test_everything_at_the_top_level_has_its_line():
    "What git keeps at the top, without what git itself reads."
    table = TEXT[TEXT.index("| at the top level |") : TEXT.index("## From a table")]
    run = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        pytest.skip("this is no checkout")
    top = {name.split("/")[0] for name in run.stdout.splitlines()} - {
        ".gitignore",
        ".gitattributes",
    }
    assert len(top) > 15 and [name for name in sorted(top) if f"`{name}" not in table] == []


def test_each_room_is_told_in_order():
    told = re.findall(r"^(\w+)  +\S", TEXT[: TEXT.index("core -> data")], re.M)
    assert sorted(told) == ROOMS
    arrows = re.search(r"^core -> .*$", TEXT, re.M)[0]
    assert re.findall(r"\w+", arrows) == told
    assert arrows in (ROOT / "README.md").read_text(encoding="utf-8")


def test_each_target_is_in_the_makefile():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    asked = re.findall(r"\bmake ([a-z][\w-]+)", TEXT)
    assert [name for name in asked if name not in targets] == []
