"""Pages that are written from the code.

Reference, gallery, checklist, and the sidebar of library notebooks.
"""

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path

from docs.gallery import gallery
from docs.notebooks import library, module, notebooks
from docs.sources import page, raw, write_notebook

ROOT = Path(__file__).resolve().parent.parent.parent
NBS = ROOT / "nbs"
BEGIN, END = "# library: written by `tools/docs sidebar`", "# library ends"


def library_groups():
    "Room -> names of its pages, in reading order."
    groups = {}
    for path in library():
        groups.setdefault(path.parent.name.replace("_", " ").capitalize(), []).append(
            module(path).replace(".", "/")
        )
    return groups


def slug(group):
    "Of the page that lists a group's names."
    return group.lower().replace(" ", "-")


def sidebar_text(text):
    "_quarto.yml with every library notebook in its sidebar."
    head, rest = text.split(BEGIN, 1)
    indent = head.rsplit("\n", 1)[1]
    body = []
    for group, names in library_groups().items():
        body += [
            f"{indent}- section: {group}",
            f"{indent}  href: docs/reference/{slug(group)}.qmd",
            f"{indent}  contents:",
            *(f"{indent}    - docs/{n}.ipynb" for n in names),
        ]
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


# ---------------------------------------------------------------- pages written from code and files


def commands(docs):
    "The command line, from its own help."
    env = {**os.environ, "COLUMNS": "70", "TERM": "dumb", "NO_COLOR": "1"}

    def run(*args):
        return subprocess.run(
            [str(Path(sys.executable).with_name("schoolvar")), *args, "--help"],
            capture_output=True,
            text=True,
            env=env,
            check=True,
        ).stdout.strip()

    top = run()
    names = re.findall(r"^ {1,2}([a-z][\w-]*)  ", top.split("Commands:", 1)[1], re.M)
    body = (
        "`schoolvar` is installed into `.venv/bin`. Status 0 is done, 2 bad input or "
        "usage with nothing written, 3 a fit that finished but whose diagnostics "
        "fail.\n\n"
        f"```text\n{top}\n```\n"
    )
    body += "".join(f"\n## schoolvar {n}\n\n```text\n{run(n)}\n```\n" for n in names)
    page(
        docs / "commands.qmd",
        "Commands",
        "Every command and option of schoolvar, as its own help says it",
        body,
    )


def programs(docs):
    "The Stan programs, folded, with the comment that opens each."
    parts = [
        "`achievement.stan` is the whole ladder from M1 to M3, its levels present or of "
        "size zero; the other programs are a model each. "
        "What several share is included from `functions/`. Both engines run these files "
        "as they are.\n"
    ]
    for f in sorted((ROOT / "stan").glob("*.stan")) + sorted(
        (ROOT / "stan").glob("functions/*.stanfunctions")
    ):
        text = f.read_text(encoding="utf-8")
        said = re.match(r"(?:\s*//[^\n]*\n)+|\s*/\*.*?\*/", text, re.S)
        words = (
            re.sub(r"^\s*(?://|/?\*+/?)\s?|\s*\*/$", "", said[0].strip(), flags=re.M).strip()
            if said
            else ""
        )
        parts.append(
            f"\n## {f.name}\n\n```text\n{words}\n```\n\n" if words else f"\n## {f.name}\n\n"
        )
        parts.append(
            raw(
                f'<details class="sv-program"><summary>{f.name}, {len(text.splitlines())} '
                f'lines</summary><pre tabindex="0"><code>{escape(text)}'
                "</code></pre></details>"
            )
        )
    page(
        docs / "programs.qmd",
        "Stan programs",
        "The models as they are run, with their comments",
        "".join(parts),
    )


def public(name):
    """Public names of a module, `core/errors`, -> first line of what they say, read without
    importing it.
    """
    file = ROOT / "schoolvar" / f"{name}.py"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    listed = next(
        (
            ast.literal_eval(n.value)
            for n in tree.body
            if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__"
        ),
        [],
    )
    defs = {n.name: n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    return {
        n: (ast.get_docstring(defs[n]) or "").split("\n\n")[0].replace("\n", " ")
        for n in listed
        if n in defs
    }


def functions(docs, found):
    "Every public name, with a link to its parameters, example and source."
    init = (ROOT / "schoolvar" / "__init__.py").read_text(encoding="utf-8")
    table = re.search(r"submod_attrs=(\{.*?\})\s*\)", init, re.S)
    top = {n: m for m, names in ast.literal_eval(table[1]).items() for n in names} if table else {}
    pages = {m: (docs / f"{m}.ipynb").read_text(encoding="utf-8") for m in found.values()}
    home = {n: m for names in library_groups().values() for m in names for n in public(m)}
    head = "| name | says |\n|---|---|\n"

    def row(
        n, m, said, up=""
    ):  # a name that its notebook does not document leads to the top of the page
        return (
            f"| [`{n}`]({up}{m}.ipynb{f'#{n.lower()}' if f'### {n}' in pages[m] else ''}) | "
            f"{said.replace('|', '&#124;')} |\n"
        )

    groups = library_groups()
    parts = [
        (
            "Each name leads to its parameters with units and defaults, an example that is "
            "run at every build, and its source, folded.\n"
        )
    ]
    if top:
        parts += [
            "\n## From `schoolvar` itself\n\n",
            head,
            *(row(n, home[n], public(home[n])[n]) for n in top if n in home),
        ]
    parts += [
        "\n## By subject\n\n| pages | modules |\n|---|---|\n",
        *(
            (
                f"| [{group}](reference/{slug(group)}.qmd) | "
                f"{', '.join(f'[`{Path(m).name}`]({m}.ipynb)' for m in names)} |\n"
            )
            for group, names in groups.items()
        ),
    ]
    page(docs / "functions.qmd", "Functions", "What the package offers", "".join(parts))
    (docs / "reference").mkdir()
    for group, names in groups.items():
        parts = []
        for m in names:
            if listed := public(m):
                parts += [
                    f"\n## {m.replace('/', '.')}\n\n",
                    head,
                    *(row(n, m, said, "../") for n, said in listed.items()),
                ]
        page(
            docs / "reference" / f"{slug(group)}.qmd",
            group,
            f"Every public name: {group.lower()}",
            "".join(parts),
        )


def checklist(docs):
    "What the two reference documents show, and where it is shown here."
    import csv

    rows = list(
        csv.DictReader((NBS / "studies" / "checklist.csv").read_text(encoding="utf-8").splitlines())
    )
    titles = {
        "consistency": "The consistency study (Saeb)",
        "achievement": "The achievement page (Ontario, Grade 3)",
    }
    pages = {p.relative_to(NBS).with_suffix("").as_posix(): n for p, n in notebooks().items()}
    parts = [
        "Every figure, table and numeric claim of the two documents that this project "
        "started from. *same*: reproduced from the same data; "
        "*differs*: another result on the same data; *stands in*: the same thing on data "
        "that can be had; *cannot*: why not. A test walks this list.\n"
    ]
    for key, title in titles.items():
        parts.append(f"\n## {title}\n\n| item | published | here | where |\n|---|---|---|---|\n")
        for r in rows:
            if r["document"] == key:
                name = pages.get(
                    r["notebook"] if "/" in r["notebook"] else f"studies/{r['notebook']}"
                )
                where = f"[{name.split('/')[-1]}]({name}.ipynb#{r['cell']})" if name else r["why"]
                parts.append(f"| {r['item']} | {r['published']} | {r['status']} | {where} |\n")
    page(
        docs / "checklist.qmd",
        "Checklist",
        "Where each figure, table and number of the reference documents is reproduced",
        "".join(parts),
    )


def front(docs):
    """The living figure of the first page, which `post` puts there.

    A builder resolves what pages include before it runs `pre`, so that no page may include what
    `pre` writes.
    """
    from schoolvar.calibration.stored import load_summary
    from schoolvar.charts.consistency import plot_pip_sd
    from schoolvar.charts.html import chart_block

    tables, _ = load_summary(NBS / "studies" / "stored" / "saeb")
    chart = plot_pip_sd(tables["schools"], unit="SD of all students")
    caption = (
        "160 schools in Rio de Janeiro (Saeb 2021): the probability that a school's spread is "
        "its own, against the spread."
    )
    (docs / "front.html").write_text(chart_block(chart, caption=caption), encoding="utf-8")


def example(docs):
    "A whole report of the simulated province, under the disclosure policy that is the default."
    h = hashlib.sha256()
    for f in sorted(
        p
        for folder in ("schoolvar", "stan", "nbs/reports")
        for p in (ROOT / folder).rglob("*")
        if p.is_file() and p.suffix not in (".pyc",)
    ):
        h.update(f.name.encode() + b"\0" + f.read_bytes() + b"\0")
    kept = ROOT / ".cache" / "docs" / f"example-{h.hexdigest()[:16]}"
    earlier = sorted((ROOT / ".cache" / "docs").glob("example-*"), key=os.path.getmtime)
    if os.environ.get("SCHOOLVAR_DOCS_QUICK") and earlier:
        kept = earlier[-1]
    if not (kept / "index.html").is_file():
        for old in earlier:
            shutil.rmtree(old)
        r = subprocess.run(
            [str(Path(sys.executable).with_name("schoolvar")), "run", "--out", str(kept)],
            capture_output=True,
            text=True,
            env={**os.environ, "CI": "1"},
        )
        if r.returncode:
            raise SystemExit(f"the example report: {r.stderr.strip()[-400:]}")
    shutil.copytree(kept, docs / "example")


def described(docs, found):
    """Pictures in outputs keep the text alternative that their cell gives them, and links in
    outputs lead to pages.
    """
    names = set(found.values())
    for name in found.values():
        file = docs / f"{name}.ipynb"
        page = json.loads(file.read_text(encoding="utf-8"))
        outputs = [o for c in page["cells"] for o in c.get("outputs", [])]
        # both are looked at, whatever the first finds
        changed = [described_picture(o) | linked_output(o, name, names) for o in outputs]
        if any(changed):
            write_notebook(file, page)


def described_picture(output):
    "Whether a picture became HTML that has its text alternative."
    said = output.get("metadata", {}).get("image/png", {})
    if "image/png" not in output.get("data", {}) or not said.get("alt"):
        return False
    data = "".join(output["data"]["image/png"]).replace("\n", "")
    picture = (
        f'<img class="img-fluid" alt="{escape(said["alt"])}" src="data:image/png;base64,{data}">'
    )
    output["data"] = {"text/html": picture}
    return True


def linked_output(output, name, names):
    "Whether links in an output of the page `name` were changed."
    if "text/markdown" not in output.get("data", {}):
        return False
    home = name.rsplit("/", 1)[0] + "/" if "/" in name else ""

    def target(m):
        up, page = m[1], m[2] + m[3]
        meant = (page,) if up else (home + page, page)
        known = next((n for n in meant if n in names), None)
        return f"]({'../' * name.count('/')}{known}.ipynb" if known else m[0]

    old = "".join(output["data"]["text/markdown"])
    link = r"\]\(((?:\.\./)*)((?:\w+/)*)(?:\d\d[a-z]?_)?(\w+)\.ipynb"
    output["data"]["text/markdown"] = re.sub(link, target, old)
    return output["data"]["text/markdown"] != old


def of_the_repository(docs):
    """Files of the repository that are pages too.

    Not included by a page: a builder would take their first heading for a second title.
    """
    said = {
        "CONTRIBUTING": "How the package and this site are made, and how to change them",
        "CHANGELOG": "What a user would notice of each version",
    }
    for name, description in said.items():
        text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
        first, _, body = text.partition("\n")
        page(docs / f"{name.lower()}.qmd", first.removeprefix("# "), description, body.strip())


def write(found, docs):
    "Write the generated pages' sources, and the script and style sheet of all charts, into `docs`."
    from schoolvar.charts.assets import write_assets

    write_assets(docs)
    described(docs, found)
    of_the_repository(docs)
    example(docs)
    front(docs)
    commands(docs)
    programs(docs)
    functions(docs, found)
    gallery(docs, found)
    checklist(docs)
