"What happens to a messy input: read by the library, or by the command."

import contextlib
import io
import tempfile
import warnings
from pathlib import Path

from schoolvar.cli.main import main
from schoolvar.core.errors import DataError
from schoolvar.data.checks import DataWarning
from schoolvar.data.counts import read_counts
from schoolvar.data.scores import read_scores


def read(case, folder):
    "The table, or the `DataError`; the doubts that were warned of. Anything else is raised."
    path = case.make(folder)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("error")
        warnings.simplefilter("always", DataWarning)
        try:
            table = (read_counts if case.reader == "counts" else read_scores)(path, **case.options)
        except DataError as e:
            table = e
    return table, [str(w.message) for w in seen]


def numbers(table):
    "What was read, as a person would write it down."
    if hasattr(table, "schools") and hasattr(table, "mean"):
        f = table.schools
        return {
            s: (int(n), float(m)) for s, n, m in zip(f["school"], f["n"], f["mean"], strict=True)
        }
    f = table.frame
    keys = zip(f["school_id"], f["year"], f["grade"], f["subject"], strict=True)
    return {
        (s, int(y), int(g), k): (int(n), int(ok))
        for (s, y, g, k), n, ok in zip(keys, f["n_trials"], f["y_success"], strict=True)
    }


def command(case, folder, out):
    "Status and lines of the command that reads the file."
    path = case.make(folder)
    how = [arg for key, value in case.options.items() for arg in options(key, value)]
    name = "achievement" if case.reader == "counts" else "consistency"
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            main([name, str(path), *how, "--out", str(out)])
        except SystemExit as end:
            return end.code or 0, said.getvalue().splitlines()


def options(key, value):
    "An argument of the reader as options of the command."
    if key == "columns":
        return [a for theirs, ours in value.items() for a in ("--column", f"{ours}={theirs}")]
    if key == "allow":
        return [a for name in value for a in ("--allow", name)]
    return ["--unify-ids"] if key == "unify_ids" else [f"--{key}", str(value)]


def outcome(case):
    "What happens, in a sentence, without anything that differs between machines."
    with tempfile.TemporaryDirectory() as folder:
        table, doubts = read(case, Path(folder))
    if isinstance(table, DataError):
        return "refused", str(table).replace(f"{folder}/", "").replace(Path(folder).name, "data")
    if doubts:
        return "read, with a warning", doubts[0]
    return "read", ""
