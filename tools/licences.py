"""Licences of everything that schoolvar brings along, and for which part.

python tools/licences.py                    as a Markdown table
python tools/licences.py --csv licences.csv
"""

import argparse
import csv
import re
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FIELDS = ["package", "version", "licence", "needed_by"]
EXTRAS = ("", "pdf", "docs", "lab", "dev")
COPYLEFT = re.compile(
    r"(?<![A-Za-z])A?GPL|(?<!Lesser )General Public License(?! v?\d* with exceptions)|Affero", re.I
)


def licence(dist) -> str:
    """The licence as the package states it.

    Its SPDX expression, else its classifiers, else the first line of its own words.
    """
    m = dist.metadata
    if said := m.get("License-Expression"):
        return said
    if said := [
        c.rpartition(" :: ")[2]
        for c in m.get_all("Classifier") or []
        if c.startswith("License :: ") and c != "License :: OSI Approved"
    ]:
        return "; ".join(said)
    return (m.get("License") or "not stated").strip().splitlines()[0][:80]


def needs(name: str, extras=("",)) -> set:
    "What a package asks for, on this machine, with these extras: (name, extras of it)."
    found = set()
    for text in metadata.requires(name) or []:
        r = Requirement(text)
        if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in extras):
            found.add((canonicalize_name(r.name), tuple(sorted(r.extras))))
    return found


def closure(extra: str = "") -> set:
    "Names of all installed packages that schoolvar with an extra leads to."
    todo, seen = [("schoolvar", (extra,) if extra else ())], set()
    while todo:
        name, extras = todo.pop()
        if (name, extras) in seen:
            continue
        try:
            more = needs(name, ("", *extras))
        except metadata.PackageNotFoundError:
            continue
        seen.add((name, extras))
        todo.extend(more)
    return {name for name, _ in seen} - {"schoolvar"}


def table() -> list[dict]:
    "A row a package, by the first part that needs it."
    rows, known = [], set()
    for extra in EXTRAS:
        for name in sorted(closure(extra) - known):
            dist = metadata.distribution(name)
            rows.append(
                dict(
                    package=name,
                    version=dist.version,
                    licence=licence(dist),
                    needed_by=f"extra {extra}" if extra else "library",
                )
            )
            known.add(name)
    return rows


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--csv", help="write to this file instead")
    args = parser.parse_args()
    rows = table()
    if args.csv:
        with open(args.csv, "w", encoding="utf-8", newline="") as f:
            writer = csv.DictWriter(f, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    else:
        print(
            "\n".join(
                [
                    "| " + " | ".join(FIELDS) + " |",
                    "|" + "---|" * len(FIELDS),
                    *("| " + " | ".join(r[k] for k in FIELDS) + " |" for r in rows),
                ]
            )
        )
    strict = [
        r["package"] for r in rows if r["needed_by"] == "library" and COPYLEFT.search(r["licence"])
    ]
    if strict:
        print(f"under a GPL and needed by the library: {', '.join(strict)}", file=sys.stderr)
    sys.exit(bool(strict))


if __name__ == "__main__":
    main()
