"""The list of deliberate faults is as long as promised, still fits the code, and every fault
was caught when it was last tried.
"""

import csv
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FAULTS = tomllib.loads((ROOT / "tests/mutations/mutations.toml").read_text(encoding="utf-8"))[
    "fault"
]


def test_there_are_enough_and_of_every_kind():
    assert len(FAULTS) >= 10 and len({f["name"] for f in FAULTS}) == len(FAULTS)
    assert sum(f["file"].startswith("stan/") for f in FAULTS) >= 3 and {
        "schoolvar/report/protection.py",
        "schoolvar/data/tables.py",
    } <= {f["file"] for f in FAULTS}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f["name"])
def test_the_fault_still_fits(fault):
    assert (ROOT / fault["file"]).read_text(encoding="utf-8").count(fault["text"]) == 1 and fault[
        "text"
    ] != fault["with"]
    path, test = fault["test"].split("::")
    assert re.search(
        rf"^def {re.escape(test.split('[')[0])}\(", (ROOT / path).read_text(encoding="utf-8"), re.M
    )


def test_each_was_caught():
    with open(ROOT / "tests/mutations/caught.csv", encoding="utf-8", newline="") as f:
        rows = {r["name"]: r for r in csv.DictReader(f)}
    assert {f["name"]: f["test"] for f in FAULTS} == {
        name: r["test"] for name, r in rows.items()
    }, "run `make mutations`"
    assert all(r["caught"] == "yes" for r in rows.values())
