"""The limits of the house: how wide a line, how long a function and a module may be.

`python tools/house.py` lists what is beyond them. What a linter knows (ruff), a type checker (mypy)
or import-linter is theirs; the rest of what CONTRIBUTING promises under *Style* is here.
"""

import ast
import json
import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# columns: one line in a hundred may be wider than the first, none than the second
WIDE, WIDEST = 100, 120
SHARE_OF_WIDE = 0.01
LINES_OF_A_MODULE = 450
LINES_OF_A_FUNCTION = 60

# Modules that import modules of ours within functions, and why. Elsewhere imports are at the top.
LATE = {
    "cli.": "`schoolvar --help` must not wait for pandas, ArviZ and Altair",
}
# Functions that import upwards: a fit draws itself with the charts, which stand above it.
UPWARDS = {"plot": "a chart is drawn of a fit, and imported when it is asked for"}
# Files whose functions are tables: one entry after another, and nothing to be followed.
TABLES = {"tests/promises/messy_inputs.py": "messy inputs, each with what a person expects of it"}


def rooms(root=ROOT) -> dict[str, list[Path]]:
    "Room -> its notebooks, modules and tests."
    library = sorted(folder.parent.name for folder in (root / "schoolvar").glob("*/__init__.py"))
    found = {
        room: [
            *(root / "nbs" / room).glob("*.ipynb"),
            *(root / "schoolvar" / room).glob("*.py"),
            *(root / "tests" / room).rglob("*.py"),
        ]
        for room in library
    }
    beside = [root / "nbs" / name for name in ("studies", "explanations", "reports")]
    found["pages"] = [*(root / "nbs").glob("*.ipynb"), *_below(beside, "*.ipynb")]
    found["promises"] = [*(root / "tests" / "promises").rglob("*.py")]
    named = {path for files in found.values() for path in files}
    found["tests"] = [path for path in (root / "tests").rglob("*.py") if path not in named]
    found["tools"] = [*(root / "tools").rglob("*.py")]
    found["benchmarks"] = [*(root / "benchmarks").rglob("*.py")]
    return {
        room: sorted(path for path in files if ".ipynb_checkpoints" not in path.parts)
        for room, files in found.items()
    }


def _below(folders, pattern):
    return [path for folder in folders for path in folder.rglob(pattern)]


def code(path: Path) -> str:
    "The code of a file or of a notebook."
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")


def written(path: Path) -> bool:
    "Whether a person wrote it: modules are written from notebooks."
    return "schoolvar" not in path.relative_to(ROOT).parts[:1]


def too_wide(files) -> list[str]:
    "Lines over the widest, and those over a hundred columns where they are more than a few."
    lines = [
        (path, number, line)
        for path in filter(written, files)
        for number, line in enumerate(code(path).splitlines(), 1)
        if line.strip()
    ]
    widest = [found for found in lines if len(found[2]) > WIDEST]
    wide = [found for found in lines if len(found[2]) > WIDE]
    # a room of fifty lines may have one
    if len(wide) > math.ceil(len(lines) * SHARE_OF_WIDE):
        widest = wide
    return [f"{_named(path)}:{number}: {len(line)} columns" for path, number, line in widest]


def too_long_modules(files) -> list[str]:
    "Modules of the package and files of tools and benchmarks."
    found = [path for path in files if path.suffix == ".py" and "tests" not in _named(path)]
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in found}
    return [
        f"{_named(path)}: {length} lines"
        for path, length in lengths.items()
        if length > LINES_OF_A_MODULE
    ]


def _trees(files):
    for path in files:
        if path.suffix == ".py":
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def too_long_functions(files) -> list[str]:
    "Functions, their arguments and what is said of them included."
    return [
        f"{_named(path)}:{node.lineno}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path, tree in _trees(files)
        if _named(path) not in TABLES
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno - node.lineno + 1 > LINES_OF_A_FUNCTION
    ]


def named_lambdas(files) -> list[str]:
    "A lambda that is given a name is a function."
    return [
        f"{_named(path)}:{node.lineno}: a lambda with a name"
        for path, tree in _trees(files)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda)
    ]


def late_imports(files) -> list[str]:
    "Modules of the package that are imported within functions of the package."
    found = []
    for path, tree in _trees(files):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts[1:])
        if written(path) or any(module.startswith(start) for start in LATE):
            continue
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.name not in UPWARDS:
                for node in ast.walk(function):
                    if _is_ours(node):
                        found.append(f"{_named(path)}:{node.lineno}: imported in {function.name}")
    return sorted(set(found))


def thresholds_of_their_own(files) -> list[str]:
    """Functions whose `threshold` defaults to a number, and constants of that name.

    It is core.defaults.THRESHOLD everywhere."""
    return [
        f"{_named(path)}:{line}: {name}"
        for path, tree in _trees(files)
        if not written(path) and path.name != "defaults.py"
        for node in ast.walk(tree)
        for line, name in [*_numbers_by_default(node), *_numbers_by_name(node)]
    ]


def _numbers_by_default(node, argument="threshold"):
    "The function, where its argument defaults to a number."
    if not isinstance(node, ast.FunctionDef):
        return
    named = [*node.args.posonlyargs, *node.args.args]
    given = [*zip(named[::-1], node.args.defaults[::-1], strict=False)]
    given += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    for found, default in given:
        number = isinstance(default, ast.Constant) and isinstance(default.value, float)
        if found.arg == argument and number:
            yield node.lineno, node.name


def _numbers_by_name(node, name="THRESHOLD"):
    "The constant, where it is given a number."
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
        for target in node.targets:
            if getattr(target, "id", "") == name:
                yield node.lineno, name


def _is_ours(node) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or (node.module or "").split(".")[0] == "schoolvar"
    return isinstance(node, ast.Import) and any(
        name.name.split(".")[0] == "schoolvar" for name in node.names
    )


def _named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


LIMITS = {
    "width": too_wide,
    "modules": too_long_modules,
    "functions": too_long_functions,
    "lambdas": named_lambdas,
    "imports": late_imports,
    "thresholds": thresholds_of_their_own,
}


def main() -> int:
    "List what is beyond the limits."
    beyond = [
        line for files in rooms().values() for limit in LIMITS.values() for line in limit(files)
    ]
    print("\n".join(beyond) or "The house is in order.")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
