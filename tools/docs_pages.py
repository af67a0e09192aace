"Pages that are written from the code: the sidebar of library notebooks."
from pathlib import Path
import re

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "# library: written by `tools/docs.py sidebar`", "# library ends"
# Reading order: the number in front of a notebook's name says where it belongs.
GROUPS = (("Data", 0, 9), ("Engine", 10, 19), ("Consistency", 20, 29), ("Achievement", 30, 34), ("Value added", 35, 39),
          ("Safe publication", 40, 48), ("Charts", 49, 56), ("Reports", 57, 69), ("Calibration", 70, 99))


def library_groups():
    "Group -> names of modules, in reading order."
    from docs_pre import NBS, module
    groups = {name: [] for name, _, _ in GROUPS}
    for path in sorted(NBS.glob("*.ipynb")):
        n = re.match(r"(\d\d)[a-z]?_", path.name)
        if not n:
            raise SystemExit(f"{path.name}: a library notebook's name begins with two digits, which give its place in the sidebar")
        group = next(name for name, lo, hi in GROUPS if lo <= int(n[1]) <= hi)
        groups[group].append(module(path))
    return {k: v for k, v in groups.items() if v}


def sidebar_text(text):
    "_quarto.yml with every library notebook in its sidebar."
    head, rest = text.split(BEGIN, 1)
    indent = head.rsplit("\n", 1)[1]
    body = []
    for group, names in library_groups().items():
        body += [f"{indent}- section: {group}", f"{indent}  contents:", *(f"{indent}    - docs/{n}.ipynb" for n in names)]
    tail = rest.split(END, 1)[1]
    return head + BEGIN + "\n" + "\n".join(body) + f"\n{indent}{END}" + tail


def sidebar():
    "Bring _quarto.yml's sidebar up to date. Returns whether it changed."
    file = ROOT / "_quarto.yml"
    old = file.read_text(encoding="utf-8")
    new = sidebar_text(old)
    if new != old:
        file.write_text(new, encoding="utf-8")
    return new != old


def write(found, docs):
    "Write the generated pages' sources, and the script and style sheet of all charts, into `docs`."
    from schoolvar.chart_pages import write_assets
    write_assets(docs)
