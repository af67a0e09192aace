"""Before the pages are rendered: run every notebook and write the pages' sources into docs/ (git-ignored).

Quarto and smalldocs both call this as `pre-render` of _quarto.yml. Notebooks are committed without outputs, so each one is
run here with the real kernel, then passed through nbdev's processors. Both steps are kept in .cache/docs by a hash of
the notebook, of the modules it reaches and of what it reads: an unchanged notebook is not run again.

python tools/docs/pre.py                       all of it
python tools/docs/pre.py --one NOTEBOOK OUT    one notebook, in this process
"""

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

DOCS, CACHE = ROOT / "docs", ROOT / ".cache" / "docs"
WORKERS = int(os.environ.get("SCHOOLVAR_DOCS_WORKERS", "2"))
QUIET = {"TQDM_DISABLE": "1", "CI": "1", "PYTHONHASHSEED": "0", "COLUMNS": "100"}
# Charts draw offline, with stable ids. Run before the first cell and never written into the page.
PROLOGUE = "from schoolvar.charts.notebook import enable_charts; enable_charts(bundle=False)"


# ---------------------------------------------------------------- one notebook


def execute(path):
    "Run a notebook with its kernel. Returns it with its outputs, or raises with the cell's number and error."
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
    "nbdev turns the first cell into the page's title and description and drops the rest of it: move the rest to a cell of its own."
    import nbformat

    first = next((i for i, c in enumerate(nb.cells) if c.cell_type == "markdown"), None)
    if first is None:
        return
    m = re.match(r"\s*(# [^\n]*\n+(?:>[^\n]*\n*)*)(.*)", nb.cells[first].source + "\n", re.S)
    if m and m[2].strip():
        nb.cells[first].source = m[1].strip()
        nb.cells.insert(first + 1, nbformat.v4.new_markdown_cell(m[2].strip()))


def filters(name):
    "nbdev's processors, with documentation taken from the module `name`: their own way runs every exported and importing cell again."
    from nbdev.processors import FilterDefaults, exec_show_docs

    class FromModule(exec_show_docs):
        def begin(self):
            super().begin()
            if name and hasattr(self, "k"):
                self.k.run_cell(
                    f"import importlib; _m = importlib.import_module('schoolvar.{name}'); globals().update({{k: v for k, v in vars(_m).items() if not k.startswith('__')}})"
                )
                if self.k.exc:
                    raise SystemExit(f"schoolvar.{name} does not import: {self.k.exc}")

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
    "Run a notebook, pass it through nbdev's processors and write the page's source. Runs in a process of its own."
    os.chdir(ROOT)
    nb = execute(path)
    lead(nb)
    library = is_library(path)
    for c in nb.cells:
        c.metadata.pop("execution", None)
        c.pop("execution_count", None)
        if c.cell_type != "code":
            continue
        for o in c.outputs:
            if "sv-chart" in (html := o.get("data", {}).get("text/html", "")):
                o.data = {
                    "text/html": re.sub(
                        r"</figure>\s*<script>.*?</script>", "</figure>", html, flags=re.S
                    )
                }
        # how this machine draws progress bars is nobody's business
        c.outputs = [
            o
            for o in c.outputs
            if not (
                o.output_type == "stream"
                and o.name == "stderr"
                and (not o.text.strip() or "TqdmWarning" in o.text)
            )
        ]
        # The source of each definition is on its page, folded: the page must teach without the
        # network.
        if (
            library
            and re.match(r"#\|\s*export\s*$", c.source.split("\n")[0])
            and re.search(r"^(?:@\w+.*\n)*(?:def|class) ", c.source, re.M)
        ):
            c.source = re.sub(r"^#\|\s*export\b", "#| exports", c.source)
    import tempfile

    import nbformat

    with tempfile.TemporaryDirectory() as tmp:
        src, dst = Path(tmp) / path.name, Path(tmp) / "out.ipynb"
        nbformat.write(nb, src)
        from nbdev.serve_drv import main as process

        process((src, dst, filters(module(path) if library else None)))
        page = json.loads(dst.read_text(encoding="utf-8"))
    for c in page["cells"]:
        c["source"] = (
            re.sub(r"^output-file:.*\n", "", "".join(c["source"]), flags=re.M)
            if c["cell_type"] == "raw"
            else "".join(c["source"])
        )
        c["source"] = (
            c["source"]
            .replace("#| code-fold: show", "#| code-fold: true")
            .replace('#| code-summary: "Exported source"', '#| code-summary: "Source"')
        )
    text = json.dumps(page, indent=1)
    # folders of the machine that builds
    for folder, shown in ((str(ROOT), "/path/to/schoolvar"), (str(Path.home()) + "/", "~/")):
        text = text.replace(folder, shown)
    out.write_text(text, encoding="utf-8")


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
            lines = [l for l in r.stderr.strip().splitlines() if l.strip()]
            said = next(
                (
                    l
                    for l in reversed(lines)
                    if re.match(rf"nbs/.*{re.escape(path.name)}|[\w.]+(?:Error|Exception)?: ", l)
                ),
                "\n".join(lines[-3:]) or f"status {r.returncode}",
            )
            return (
                time.time() - t,
                said
                if path.name in said
                else f"{path.relative_to(ROOT)}, nbdev's processors: {said}",
            )
        for old in CACHE.glob(f"{key}-????????????????????????.ipynb"):
            old.unlink()
        os.replace(part, kept)
    shutil.copyfile(kept, target)
    return time.time() - t, None


# ---------------------------------------------------------------- all of them


def link_pages(found):
    "Links between notebooks, by file name as an editor follows them or as nbdev writes them, become links between pages."
    names = {n for n in found.values()}
    for name in names:
        file = DOCS / f"{name}.ipynb"
        up, home = "../" * name.count("/"), name.rpartition("/")[0] + "/"

        def target(m):
            folder, stem, rest = m[1] or "", m[2], m[3] or ""
            for known in (
                f"{home}{folder}{stem}",
                f"{folder}{stem}",
                stem,
                *(f"{f}/{stem}" for f in FOLDERS),
            ):
                if known in names:
                    return f"]({up}{known}.ipynb{rest})"
            return m[0]

        page = json.loads(file.read_text(encoding="utf-8"))
        for c in page["cells"]:
            if c["cell_type"] == "markdown":
                c["source"] = re.sub(
                    r"\]\((?:\.\./|\./|nbs/)*((?:\w+/)*)(?:\d\d[a-z]?_)?(\w+)\.(?:ipynb|html)(#[^)\s]*)?\)",
                    target,
                    "".join(c["source"]),
                )
        file.write_text(json.dumps(page, indent=1), encoding="utf-8")


def main():
    os.chdir(ROOT)
    from docs import pages

    found = notebooks()
    shutil.rmtree(DOCS, ignore_errors=True)
    DOCS.mkdir()
    env = {**os.environ}
    env.pop("IN_TEST", None)
    failed = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for (path, name), (seconds, error) in zip(
            found.items(), pool.map(lambda kv: build_one(*kv), found.items())
        ):
            if error:
                failed.append(error)
            print(
                f"  {path.relative_to(ROOT)}: {'FAILED' if error else f'{seconds:.1f} s' if seconds > 0.5 else 'unchanged'}",
                flush=True,
            )
    if failed and os.environ.get("SCHOOLVAR_DOCS_QUICK"):
        print(
            "\nThese notebooks fail and are left empty in this quick build:\n  "
            + "\n  ".join(failed),
            file=sys.stderr,
        )
        for path, name in found.items():
            if not (DOCS / f"{name}.ipynb").is_file():
                cells = [
                    {
                        "cell_type": "raw",
                        "id": "front",
                        "metadata": {},
                        "source": f"---\ntitle: {name.split('/')[-1]}\n---\n",
                    },
                    {
                        "cell_type": "markdown",
                        "id": "fails",
                        "metadata": {},
                        "source": "This notebook fails at present.",
                    },
                ]
                (DOCS / f"{name}.ipynb").write_text(
                    json.dumps(
                        {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
                    ),
                    encoding="utf-8",
                )
    elif failed:
        print(
            "\nThese notebooks fail, so there is no site:\n  " + "\n  ".join(failed),
            file=sys.stderr,
        )
        sys.exit(1)
    link_pages(found)
    pages.write(found, DOCS)
    print(f"docs_pre: {len(found)} notebooks in docs/")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve())
    else:
        main()
