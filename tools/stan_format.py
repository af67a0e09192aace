"""Put the Stan programs into the form of the Stan formatter, or say which are not: `python
tools/stan_format.py [--check]`.

stanc is looked for in the wheel of httpstan (`make stan-format` puts it into an environment of
its own), in CmdStan, on the path, and in the wheel of prophet.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAN = ROOT / "stan"
FORM = ("--auto-format", "--canonicalize=deprecations,parentheses,braces", "--max-line-length=100")
# Priors are added up in `lprior`, and those of effects follow from their coordinates: stanc sees
# neither.
EXPECTED = "has no priors"


def package(name):
    "Folder of an installed package, without importing it"
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else Path("/nowhere")


def stanc():
    "A Stan compiler, or None"
    places = [
        package("httpstan") / "stanc",
        *ROOT.glob(".venv-stan/lib/python*/site-packages/httpstan/stanc"),
        Path(os.environ.get("CMDSTAN") or "/nowhere") / "bin" / "stanc",
        Path(shutil.which("stanc") or "/nowhere"),
        *package("prophet").glob("stan_model/cmdstan-*/bin/stanc"),
    ]
    return next((str(p) for p in places if p.is_file()), None)


def files():
    """The programs, after what they include.

    Stanc formats a program only where its includes are in form
    """
    return sorted(STAN.glob("functions/*.stanfunctions")) + sorted(STAN.glob("*.stan"))


def run(compiler, *arguments):
    "stanc's output and warnings. Raises `SystemExit` where it does not accept the program."
    told = subprocess.run(
        [compiler, f"--include-paths={STAN}", *map(str, arguments)], capture_output=True, text=True
    )
    if told.returncode:
        sys.exit(f"{arguments[-1]}: {told.stderr[:1000]}")
    return told.stdout, told.stderr


def formatted(compiler, path):
    "A program as the formatter would have it, without blanks at ends of lines"
    lines = run(compiler, *FORM, path)[0].splitlines()
    return "\n".join(line.rstrip() for line in lines).strip() + "\n"


def warnings(compiler, path, out):
    "What stanc's pedantic mode says of a program, but for what it cannot see"
    said = run(compiler, "--warn-pedantic", "--warn-uninitialized", f"--o={out}", path)[1]
    each = " ".join(said.split()).split("Warning")
    return [w.strip(" :") for w in each if w.strip() and EXPECTED not in w]


def main(arguments):
    compiler = stanc() or sys.exit("no stanc here; `make stan-check` brings one")
    other = []
    for f in files():
        form = formatted(compiler, f)
        if f.read_text(encoding="utf-8") != form:
            other.append(f)
            print(f.relative_to(ROOT))
            if "--check" not in arguments:
                f.write_text(form, encoding="utf-8")
    if other and "--check" in arguments:
        sys.exit("not in the form of the Stan formatter; `make stan-format` puts them into it")


if __name__ == "__main__":
    main(sys.argv[1:])
