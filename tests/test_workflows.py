"""The workflows cannot run here.

They are checked by a schema, by a linter, and for what must hold of every action.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent


def tool(name):
    "A program of the dev extra."
    found = BIN / name
    if not found.is_file():
        pytest.fail(f"{name} is not installed: it is part of the dev extra")
    return str(found)


def test_schema():
    r = subprocess.run(
        [
            tool("check-jsonschema"),
            "--builtin-schema",
            "vendor.github-workflows",
            *map(str, WORKFLOWS),
        ],
        capture_output=True,
        text=True,
    )
    assert r.returncode == 0, r.stdout + r.stderr


def test_linter():
    r = subprocess.run(
        [tool("zizmor"), "--offline", "--no-progress", *map(str, WORKFLOWS)],
        capture_output=True,
        text=True,
    )
    assert r.returncode == 0, r.stdout + r.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_actions_are_pinned_by_commit(path):
    text = path.read_text(encoding="utf-8")
    used = re.findall(r"uses:\s*(\S+)(.*)", text)
    assert used
    for action, rest in used:
        assert re.fullmatch(r"[\w-]+/[\w./-]+@[0-9a-f]{40}", action), (
            f"{action} is not pinned by a commit"
        )
        assert re.fullmatch(r"\s+# v\d+\.\d+\.\d+", rest), (
            f"{action}: say which version the commit is"
        )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_versions_and_rights(path):
    flow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert flow["permissions"] == {"contents": "read"}
    for job in flow["jobs"].values():
        assert "latest" not in job["runs-on"]
        for name, version in (job.get("env") or {}).items():
            if name.endswith("_VERSION"):
                assert re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_commands_are_those_of_the_makefile():
    targets = set(
        re.findall(r"^([\w./$()]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    ) | {".venv/bin/.made"}
    for path in WORKFLOWS:
        for target in re.findall(r"\bmake ([\w./]+)", path.read_text(encoding="utf-8")):
            assert target in targets, f"{path.name}: make {target}"
