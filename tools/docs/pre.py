"""Before the pages are rendered: run every notebook and write the pages' sources into docs/
(git-ignored).

Quarto and smalldocs both call this as `pre-render` of _quarto.yml. Notebooks are committed
without outputs, so each one is run here with the real kernel, then passed through nbdev's
processors. Both steps are kept in .cache/docs by a hash of the notebook, of the modules it
reaches and of what it reads: an unchanged notebook is not run again.

    python tools/docs/pre.py                      all of it
    python tools/docs/pre.py --one NOTEBOOK OUT   one notebook, in this process
"""

import ast
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from docs.notebooks import FOLDERS, digest, is_library, module, notebooks  # noqa: E402
from docs.sources import lines, write_notebook  # noqa: E402

DOCS, CACHE = ROOT / "docs", ROOT / ".cache" / "docs"
WORKERS = int(os.environ.get("SCHOOLVAR_DOCS_WORKERS", "2"))
QUIET = {"TQDM_DISABLE": "1", "CI": "1", "PYTHONHASHSEED": "0", "COLUMNS": "100"}
# Charts draw offline, with stable ids. Run before the first cell and never written into the page.
PROLOGUE = "from schoolvar.charts.notebook import enable_charts; enable_charts(bundle=False)"


# ---------------------------------------------------------------- one notebook


def execute(path):
    """Run a notebook with its kernel.

    Returns it with its outputs, or raises with the cell's number and error.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    nb = nbformat.read(path, 4)
    nb.cells.insert(0, nbformat.v4.new_code_cell(PROLOGUE))
    keep = {}
    for i, c in enumerate(nb.cells):
        # nbdev_export() rewrites the modules, and an `eval: false` cell is not to be run: neither
        # has a place in a build.
        if c.cell_type == "code" and re.search(
            r"nbdev_export\(\)|^#\|\s*eval:\s*false", c.source, re.M
        ):
            keep[i], c.source = c.source, ""
    client = NotebookClient(
        nb, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as e:
        n = next(
            (
                i
                for i, c in enumerate(nb.cells)
                if any(o.output_type == "error" for o in c.get("outputs", []))
            ),
            None,
        )
        error = (
            next((o for o in nb.cells[n].outputs if o.output_type == "error"), None)
            if n is not None
            else None
        )
        said = f"{error.ename}: {error.evalue}" if error else f"{type(e).__name__}: {e}"
        where = (
            f"cell {n} ({nb.cells[n].source.strip().splitlines()[0][:80]!r})"
            if n is not None
            else "cell unknown"
        )
        raise SystemExit(f"{path.relative_to(ROOT)}, {where}: {said}") from None
    for i, source in keep.items():
        nb.cells[i].source = source
    del nb.cells[0]
    return nb


def lead(nb):
    """nbdev turns the first cell into the page's title and description and drops the rest of it.

    Move the rest to a cell of its own.
    """
    import nbformat

    first = next((i for i, c in enumerate(nb.cells) if c.cell_type == "markdown"), None)
    if first is None:
        return
    m = re.match(r"\s*(# [^\n]*\n+(?:>[^\n]*\n*)*)(.*)", nb.cells[first].source + "\n", re.S)
    if m and m[2].strip():
        nb.cells[first].source = m[1].strip()
        nb.cells.insert(first + 1, nbformat.v4.new_markdown_cell(m[2].strip()))


def lend_names(name):
    """Give a module the names that its annotations say and that it imports in functions only
    (`-> pd.DataFrame` where pandas is imported when it is needed): documentation evaluates them.
    """
    module = sys.modules[name]
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    said = set()
    for node in ast.walk(tree):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            said |= {n.id for n in ast.walk(part) if isinstance(n, ast.Name)} if part else set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            node.names = [n for n in node.names if (n.asname or n.name) in said - {*vars(module)}]
            if node.names:
                code = ast.Module([node], [])
                exec(compile(code, module.__file__, "exec"), vars(module))


def filters(name):
    """nbdev's processors, with documentation taken from the module `name`.

    Their own way runs every exported and importing cell again.
    """
    from nbdev.processors import FilterDefaults, exec_show_docs

    class FromModule(exec_show_docs):
        def begin(self):
            super().begin()
            if name and hasattr(self, "k"):
                self.k.run_cell(
                    f"import importlib; _m = importlib.import_module('schoolvar.{name}'); "
                    "globals().update({k: v for k, v in vars(_m).items() if not "
                    "k.startswith('__')})"
                )
                if self.k.exc:
                    raise SystemExit(f"schoolvar.{name} does not import: {self.k.exc}")
                lend_names(f"schoolvar.{name}")

        def __call__(self, cell):
            if (
                name
                and cell.cell_type == "code"
                and (cell.source or "").startswith(("show_doc", "#| echo", "#| output"))
                and "show_doc(" in cell.source
            ):
                super().__call__(cell)

    class Filters(FilterDefaults):
        def base_procs(self):
            return [FromModule if p is exec_show_docs else p for p in super().base_procs()]

    return Filters


def one(path, out):
    """Run a notebook, pass it through nbdev's processors and write the page's source.

    Runs in a process of its own.
    """
    os.chdir(ROOT)
    nb = execute(path)
    lead(nb)
    library = is_library(path)
    for c in nb.cells:
        c.metadata.pop("execution", None)
        c.pop("execution_count", None)
        if c.cell_type == "code":
            quiet(c)
            if library:
                with_source(c)
    page = processed(nb, path, library)
    for c in page["cells"]:
        c["source"] = lines(shown(c))
    text = json.dumps(page, indent=1)
    # folders of the machine that builds
    for folder, said in ((str(ROOT), "/path/to/schoolvar"), (str(Path.home()) + "/", "~/")):
        text = text.replace(folder, said)
    out.write_text(text, encoding="utf-8")


def quiet(cell):
    "Charts without their script, and no word of how this machine draws progress bars."
    for o in cell.outputs:
        if "sv-chart" in (html := o.get("data", {}).get("text/html", "")):
            still = re.sub(r"</figure>\s*<script>.*?</script>", "</figure>", html, flags=re.S)
            # a notebook that is opened elsewhere has a picture too; a page has words for those
            # without scripts
            words = r"<noscript><p>\1</p></noscript>"
            still = re.sub(r'<img class="sv-still" alt="([^"]*)"[^>]*>', words, still)
            o.data = {"text/html": still}

    def progress(o):
        if o.output_type != "stream" or o.name != "stderr":
            return False
        return not o.text.strip() or "TqdmWarning" in o.text

    cell.outputs = [o for o in cell.outputs if not progress(o)]


def with_source(cell):
    """The source of each definition is on its page, folded: the page must teach without the
    network.
    """
    exports = re.match(r"#\|\s*export\s*$", cell.source.split("\n")[0])
    if exports and re.search(r"^(?:@\w+.*\n)*(?:def|class) ", cell.source, re.M):
        cell.source = re.sub(r"^#\|\s*export\b", "#| exports", cell.source)


def processed(nb, path, library):
    "What nbdev's processors make of a notebook."
    import tempfile

    import nbformat
    from nbdev.serve_drv import main as process

    with tempfile.TemporaryDirectory() as tmp:
        src, dst = Path(tmp) / path.name, Path(tmp) / "out.ipynb"
        nbformat.write(nb, src)
        process((src, dst, filters(module(path) if library else None)))
        return json.loads(dst.read_text(encoding="utf-8"))


def shown(cell):
    "The source of a cell as the page has it."
    source = "".join(cell["source"])
    if cell["cell_type"] == "raw":
        source = re.sub(r"^output-file:.*\n", "", source, flags=re.M)
    source = source.replace("#| code-fold: show", "#| code-fold: true")
    return source.replace('#| code-summary: "Exported source"', '#| code-summary: "Source"')


def what_failed(path, run):
    "The line that says it, with the notebook's name."
    lines = [line for line in run.stderr.strip().splitlines() if line.strip()]
    telling = rf"nbs/.*{re.escape(path.name)}|[\w.]+(?:Error|Exception)?: "
    told = [line for line in reversed(lines) if re.match(telling, line)]
    said = told[0] if told else "\n".join(lines[-3:]) or f"status {run.returncode}"
    if path.name in said:
        return said
    return f"{path.relative_to(ROOT)}, nbdev's processors: {said}"


def build_one(path, name):
    "The page's source from the cache, or from a run. Returns (seconds, error)."
    DOCS.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
    target = DOCS / f"{name}.ipynb"
    key = name.replace("/", "--")  # a module and an explanation may share a name
    kept = CACHE / f"{key}-{digest(path)}.ipynb"
    # an earlier run will do
    if not kept.is_file() and os.environ.get("SCHOOLVAR_DOCS_QUICK"):
        kept = max(
            CACHE.glob(f"{key}-????????????????????????.ipynb"), key=os.path.getmtime, default=kept
        )
    t = time.time()
    if not kept.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}.tmp")
        r = subprocess.run(
            [sys.executable, __file__, "--one", str(path), str(part)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={**os.environ, **QUIET},
        )
        if r.returncode:
            return time.time() - t, what_failed(path, r)
        for old in CACHE.glob(f"{key}-????????????????????????.ipynb"):
            old.unlink()
        os.replace(part, kept)
    shutil.copyfile(kept, target)
    return time.time() - t, None


# ---------------------------------------------------------------- all of them


LINK = re.compile(
    r"\]\((?:\.\./|\./|nbs/)*((?:\w+/)*)(?:\d\d[a-z]?_)?(\w+)\.(?:ipynb|html)(#[^)\s]*)?\)"
)


def link_pages(found):
    """Links between notebooks, by file name as an editor follows them or as nbdev writes them,
    become links between pages.
    """
    names = set(found.values())
    for name in names:
        file = DOCS / f"{name}.ipynb"
        page = json.loads(file.read_text(encoding="utf-8"))
        for c in page["cells"]:
            if c["cell_type"] == "markdown":
                target = functools.partial(linked, name=name, names=names)
                c["source"] = LINK.sub(target, "".join(c["source"]))
        write_notebook(file, page)


def linked(m, name, names):
    "A link on the page `name`, to the page that it means."
    up, home = "../" * name.count("/"), name.rpartition("/")[0] + "/"
    folder, stem, rest = m[1] or "", m[2], m[3] or ""
    meant = [f"{home}{folder}{stem}", f"{folder}{stem}", stem, *(f"{f}/{stem}" for f in FOLDERS)]
    known = next((page for page in meant if page in names), None)
    return f"]({up}{known}.ipynb{rest})" if known else m[0]


def leave_empty(name):
    "A page for a notebook that fails at present, in a quick build."
    front = f"---\ntitle: {name.split('/')[-1]}\n---\n"
    said = "This notebook fails at present."
    cells = [
        {"cell_type": kind, "id": id, "metadata": {}, "source": source}
        for kind, id, source in (("raw", "front", front), ("markdown", "fails", said))
    ]
    page = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    write_notebook(DOCS / f"{name}.ipynb", page)


def build_all(found):
    "Build every page; what failed."
    failed = []
    with ThreadPoolExecutor(WORKERS) as pool:
        built = pool.map(build_one, found, found.values())
        for path, (seconds, error) in zip(found, built, strict=True):
            if error:
                failed.append(error)
            took = f"{seconds:.1f} s" if seconds > 0.5 else "unchanged"
            print(f"  {path.relative_to(ROOT)}: {'FAILED' if error else took}", flush=True)
    return failed


def main():
    os.chdir(ROOT)
    from docs import pages

    found = notebooks()
    shutil.rmtree(DOCS, ignore_errors=True)
    DOCS.mkdir()
    failed = build_all(found)
    listed = "\n  ".join(failed)
    if failed and os.environ.get("SCHOOLVAR_DOCS_QUICK"):
        said = "These notebooks fail and are left empty in this quick build"
        print(f"\n{said}:\n  {listed}", file=sys.stderr)
        for name in found.values():
            if not (DOCS / f"{name}.ipynb").is_file():
                leave_empty(name)
    elif failed:
        print(f"\nThese notebooks fail, so there is no site:\n  {listed}", file=sys.stderr)
        sys.exit(1)
    link_pages(found)
    pages.write(found, DOCS)
    print(f"docs_pre: {len(found)} notebooks in docs/")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve())
    else:
        main()
