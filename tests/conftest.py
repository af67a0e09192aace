"What the tests share: where the real data is, and which absences are failures."

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))  # textbook programs, and makers of large files
SHARED = ROOT.parent / "shared" / "data"
# A private key of the tests' own, always the same: the user's is not touched, and the command's
# draws do not change from run to run.
STATE = Path(tempfile.mkdtemp(prefix="schoolvar-tests-"))
(STATE / "key").write_text("5c" * 32)
os.environ["SCHOOLVAR_STATE"] = str(STATE)
atexit.register(shutil.rmtree, STATE, ignore_errors=True)
# The engine of every fit that names none: neither a CmdStan that is installed nor the user's own
# choice changes a test.
os.environ["SCHOOLVAR_ENGINE"] = "stanli"
REQUIRED = set(os.environ.get("SCHOOLVAR_REQUIRE", "").split())


def absent(what, reason):
    "Skip, unless this run was told that `what` must be there (as CI is)."
    if what in REQUIRED:
        pytest.fail(f"{reason}, and SCHOOLVAR_REQUIRE asks for {what}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data():
    "Folder of the real data, which is not part of the repository."
    if not SHARED.is_dir():
        absent("data", f"the real data is not at {os.path.relpath(SHARED, ROOT)}")
    return SHARED


@pytest.fixture(scope="session")
def chromium():
    "Path of a Chromium, for looking at pages."
    path = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    return path or absent("chromium", "no Chromium on this machine")


@pytest.fixture(autouse=True)
def unset_in_test(monkeypatch):
    "nbdev's test_nb leaves IN_TEST=1, under which nbdev_export silently does nothing."
    monkeypatch.delenv("IN_TEST", raising=False)


# Files that take longest are begun first, so that two processes end at about the same time.
LONGEST = (
    "promises/test_killed.py",
    "test_docs.py",
    "test_notebooks.py",
    "test_lab.py",
    "promises/test_files.py",
    "report/test_build.py",
    "test_robustness.py",
    "value_added/test_fit.py",
    "consistency/test_fit.py",
    "cli/test_main.py",
)


def pytest_collection_modifyitems(items):
    "The order of files; within a file tests stay in theirs."
    place = {ROOT / "tests" / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))
