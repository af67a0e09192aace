"""Which notebooks are pages of the site, and what each depends on."""

import ast
import hashlib
import importlib.metadata
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NBS = ROOT / "nbs"
START = NBS / "start.ipynb"  # where `make lab` begins: exports nothing
# Folders of notebooks beside the library, each with its own folder of pages. Reports are templates
# and are run by the library.
FOLDERS = ("studies", "explanations")
BESIDE = (*FOLDERS, "reports")
# Rooms of the library in reading order; a folder that is not here comes last.
ROOMS = (
    "core",
    "data",
    "sampling",
    "achievement",
    "consistency",
    "value_added",
    "levels",
    "charts",
    "report",
    "calibration",
    "cases",
    "cli",
)


def library():
    "The library's notebooks in reading order: by room, then by the number in front of the name."
    found = [p for p in NBS.glob("*/*.ipynb") if p.parent.name not in BESIDE]
    rank = {room: i for i, room in enumerate(ROOMS)}
    return sorted(found, key=lambda p: (rank.get(p.parent.name, len(rank)), p.parent.name, p.name))


def is_library(path):
    return path.parent.parent == NBS and path.parent.name not in BESIDE


def notebooks():
    "Notebook -> name of its page below docs/, without suffix."
    found = {}
    if START.is_file():
        found[START] = "start"
    for path in library():
        found[path] = module(path).replace(".", "/")
    for folder in FOLDERS:
        for path in sorted((NBS / folder).glob("*.ipynb")):
            found[path] = f"{folder}/{re.sub(r'^[0-9]+_', '', path.stem)}"
    return found


def cells(path):
    nb = json.loads(path.read_text(encoding="utf-8"))
    for c in nb["cells"]:
        c["source"] = "".join(c["source"])
    return nb["cells"]


def module(path):
    """The module that a library notebook exports, which names its page.

    Else the notebook's own name.
    """
    for c in cells(path):
        if m := re.search(r"^#\|\s*default_exp\s+(\S+)", c["source"], re.M):
            return m[1]
    return re.sub(r"^[0-9]+_", "", path.stem)


def imports(source, room=""):
    """Dotted names below schoolvar that some Python source imports, at any depth of nesting.

    `room`: the package that the source is in.
    """
    try:
        tree = ast.parse(re.sub(r"^[ \t]*[%!].*$", "pass", source, flags=re.M))
    except SyntaxError:
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                a.name.removeprefix("schoolvar.")
                for a in node.names
                if a.name.startswith("schoolvar.")
            }
            if any(a.name == "schoolvar" for a in node.names):
                names.add("__init__")
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if not node.level and base.split(".")[0] != "schoolvar":
                continue
            above = [room] if node.level == 1 and room else []
            path = ".".join([*above, *base.removeprefix("schoolvar").strip(".").split(".")]).strip(
                "."
            )
            if not path:
                names.add("__init__")
            names |= {path} | {f"{path}.{a.name}".strip(".") for a in node.names}
    return names


def reached(path):
    "The module files that a notebook reaches, by its imports and by theirs."
    package = ROOT / "schoolvar"
    todo, seen = set(), set()
    for c in cells(path):
        if c["cell_type"] == "code":
            todo |= imports(c["source"])
    if is_library(path):
        todo.add(module(path))
    while todo:
        name = todo.pop()
        file = package / f"{name.replace('.', '/')}.py"
        if file in seen or not file.is_file():
            continue
        seen.add(file)
        text = file.read_text(encoding="utf-8")
        # names load lazily, so a bare `import schoolvar` reaches every public module
        if name == "__init__":
            charts = (package / "charts" / "__init__.py").read_text(encoding="utf-8")
            lazy = re.compile(r'^\s*"([\w.]+)":\s*\[', re.M)
            todo |= {*lazy.findall(text), *(f"charts.{m}" for m in lazy.findall(charts))}
        todo |= imports(text, name.rpartition(".")[0])
    return sorted(seen)


def digest(path):
    "Hash of all that decides a notebook's outputs."
    h = hashlib.sha256()
    files = [
        path,
        Path(__file__),
        Path(__file__).with_name("pre.py"),
        ROOT / "settings.ini",
        *reached(path),
    ]
    if any(f.parent.name == "sampling" for f in files):
        files += sorted((ROOT / "stan").glob("**/*.stan*"))
    if not is_library(path):
        files += sorted(
            p for p in path.parent.rglob("*") if p.is_file() and p.suffix not in (".ipynb", ".pyc")
        )
    if re.search(r"reports|district\.ipynb", path.read_text(encoding="utf-8")):
        files += sorted(p for p in (NBS / "reports").rglob("*") if p.is_file())
    for f in files:
        h.update(f.name.encode() + b"\0" + f.read_bytes() + b"\0")
    for name in ("altair", "pandas", "numpy", "arviz", "nbdev", "stanli"):
        h.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    return h.hexdigest()[:24]
