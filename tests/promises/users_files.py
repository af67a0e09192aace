"""What the tests of a user's files share: small tables, fits of them, folders of the tests' own.

    from users_files import cache, example, fitted, places, tables

Then name them as arguments of a test; `places` is there for each test of the file.
"""

import os
import signal
import sys
import time

import numpy as np
import pandas as pd
import pytest
from outside import command

from schoolvar.report.example import example_fits

SMALL = ("--draws", 20, "--engine", "stanli")


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("private") / "cache"


@pytest.fixture(autouse=True)
def places(monkeypatch, cache, tmp_path_factory):
    """A cache and a temporary folder of the tests' own.

    The latter must be empty after every command.
    """
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(cache))
    monkeypatch.setenv("CI", "true")
    place = tmp_path_factory.mktemp("tmp")
    monkeypatch.setenv("TMPDIR", str(place))
    return place


@pytest.fixture(scope="session")
def tables(tmp_path_factory):
    "Counts of two grades and scores, of a dozen schools."
    place = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(1)
    rows = [
        (f"s{j:02d}", f"d{j % 2}", year, grade, subject, 60, int(rng.integers(20, 45)))
        for j in range(12)
        for year in (2021, 2022)
        for grade in (3, 6)
        for subject in "RM"
    ]
    columns = ["school_id", "district_id", "year", "grade", "subject", "n_trials", "y_success"]
    pd.DataFrame(rows, columns=columns).to_csv(place / "counts.csv", index=False)
    school = np.repeat(np.arange(12), 30)
    scores = dict(
        school_id=[f"s{s:02d}" for s in school],
        district_id=[f"d{s % 2}" for s in school],
        score=rng.normal(size=len(school)).round(3),
    )
    pd.DataFrame(scores).to_csv(place / "scores.csv", index=False)
    return place


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    return example_fits(tmp_path_factory.mktemp("example"), 2, 12)


@pytest.fixture(scope="session")
def fitted(tables, cache, tmp_path_factory):
    "A fit as the command saves it."
    out = tmp_path_factory.mktemp("fitted") / "fit"
    made = command(
        "consistency", tables / "scores.csv", "--out", out, *SMALL, SCHOOLVAR_CACHE=cache
    )
    assert made.returncode in (0, 3), made.stderr
    return out


def report_of(example):
    return ("report", "--achievement", example["achievement"], "--workers", 1, "--formats", "")


def start(log, *args):
    "The command in a fork of this process, which has imported what it needs."
    sys.stdout.flush()
    sys.stderr.flush()
    if child := os.fork():
        return child
    status = 98
    try:
        to = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(to, 1)
        os.dup2(to, 2)
        sys.stdout = sys.stderr = open(1, "w", closefd=False)
        import tempfile

        from schoolvar.cli import main as cli
        from schoolvar.core import private

        tempfile.tempdir = None
        private._mine.clear()
        sys.argv = ["schoolvar", *map(str, args)]
        for s in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
    finally:
        with_flush = getattr(sys.stderr, "flush", None)
        if with_flush:
            with_flush()
        os._exit(status)


def forked(place, *args, seconds=60.0, stop=None):
    """Status (negative for a signal), what was said, seconds.

    With `stop`, a signal after so many seconds.
    """
    log, clock = place / ".log", time.monotonic()
    child = start(log, *args)
    ended = None
    while ended is None:
        done, found = os.waitpid(child, os.WNOHANG)
        if done:
            ended = found
        elif stop and time.monotonic() - clock > seconds:
            os.kill(child, stop)
            ended = waited(child, 30)
        elif time.monotonic() - clock > seconds:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail(f"no end after {seconds} s: {log.read_text(errors='replace')[-2000:]}")
        else:
            time.sleep(0.005)
    said = log.read_text(errors="replace")
    log.unlink()
    return os.waitstatus_to_exitcode(ended), said, time.monotonic() - clock


def waited(child, seconds):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        done, found = os.waitpid(child, os.WNOHANG)
        if done:
            return found
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail(f"still there {seconds} s after the signal")
