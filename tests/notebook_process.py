"""A notebook run as a test, in a process of its own.

Such processes are forks of a server that has imported what takes long and nothing else, so that
what a notebook sets (options, renderers, environment) does not reach another, nor the tests.
"""

import multiprocessing
import os
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMPORTED = (
    *("IPython", "altair", "arviz", "nbdev.test", "pandas", "pytest", "scipy.stats", "xarray"),
    *("schoolvar.report.build", "schoolvar.cli.workflow", "schoolvar.cases.study"),
)


def processes():
    "The server's context; where there are no forks, new processes."
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    return context


def run_and_exit(path, log):
    "In the new process: run the notebook, write what it says, end with 0 if it passes."
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.chdir(ROOT)
    os.environ["TQDM_DISABLE"] = "1"
    warnings.simplefilter("ignore")
    from nbdev.config import get_config
    from nbdev.test import test_nb

    passed, _ = test_nb(Path(path), basepath=get_config().config_path)
    sys.exit(not passed)


def run_notebook(path, log, seconds=900):
    "Whether a notebook passes, and what it said."
    process = processes().Process(target=run_and_exit, args=(str(path), str(log)))
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode == 0, log.read_text(encoding="utf-8", errors="replace")
