"Each promise names a test that exists."

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.findall(
    r"^\| .+ \| `(tests/\S+\.py)::(\w+)` \|$",
    (ROOT / "guides/promises.qmd").read_text(encoding="utf-8"),
    re.M,
)


def test_there_are_promises_and_each_row_is_read():
    rows = [
        line
        for line in (ROOT / "guides/promises.qmd").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and not line.startswith(("| **", "| Promise"))
    ]
    assert len(rows) == len(NAMED) >= 30


@pytest.mark.parametrize("path, name", NAMED, ids=[n for _, n in NAMED])
def test_the_test_exists(path, name):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {f.name for f in tree.body if isinstance(f, ast.FunctionDef)}
