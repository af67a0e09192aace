"""Stopped or killed at any moment, earlier results are as they were and nothing private is left.

The moments at which the command is killed are random but the same in every run of the tests;
most of the killed runs are forks of this process, which has imported what a command imports, so
that they take a second.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from outside import COMMAND, ROOT, command, everything
from users_files import SMALL, cache, example, forked, places, report_of, tables  # noqa: F401

from schoolvar.core.files import checksum

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="signals, pipes and modes of files are those of POSIX"
)

SIGNALS = {s.name: s for s in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
MOMENTS = 20


@pytest.fixture(scope="module")
def rehearsed(tables, tmp_path_factory):
    """Everything imported here, and how long the run takes that is to be killed.

    Fits, reports, kept fits.
    """
    from schoolvar.achievement import fit as achievement  # noqa: F401
    from schoolvar.cli import workflow  # noqa: F401
    from schoolvar.consistency import fit as consistency  # noqa: F401
    from schoolvar.report import build as reports  # noqa: F401

    reports.preload()
    place = tmp_path_factory.mktemp("rehearsal")

    def run(out):
        return (
            "run",
            "--counts",
            tables / "counts.csv",
            "--scores",
            tables / "scores.csv",
            "--grade",
            3,
            "--formats",
            "notebook",
            "--workers",
            1,
            *SMALL,
            "--out",
            out / "site",
            "--keep-fits",
            out / "kept",
        )

    with pytest.MonkeyPatch.context() as m:
        m.setenv("SCHOOLVAR_CACHE", str(place / "cache"))
        status, said, seconds = forked(place, *run(place))
    assert status in (0, 3), said
    return run, seconds


def leftovers(place):
    return sorted(
        n
        for n in everything(place)
        if n.rsplit("/", 1)[-1].startswith(".") and not n.endswith(".schoolvar.json")
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", SIGNALS)
def test_killed_at_any_moment_nothing_is_left(
    name, rehearsed, example, tmp_path, places, monkeypatch
):
    """Earlier results as they were, or the new ones; no fits, tables or notebooks anywhere.

    After KILL: once the next run has begun.
    """
    run, seconds = rehearsed
    random_moments = random.Random(name)
    stop, work = SIGNALS[name], tmp_path / "work"
    work.mkdir()
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(tmp_path / "cache"))
    assert command(*report_of(example), "--out", work / "site").returncode == 0
    earlier, stopped = everything(work / "site"), 0
    for _ in range(MOMENTS):
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        status, said, _ = forked(
            tmp_path, *run(work), seconds=random_moments.uniform(0, seconds), stop=stop
        )
        stopped += status not in (0, 3)
        if stop == signal.SIGKILL:
            assert status in (0, 3, -9)
            one = (*report_of(example), "--district", "SIM01", "--out", work / "other")
            assert forked(tmp_path, *one)[0] == 0
        elif status not in (0, 3):
            assert status == 128 + stop, said
            last = said.strip().splitlines()[-1]
            assert last.startswith("schoolvar: stopped; ") and "Traceback" not in said, said
            assert ("earlier results are as they were" in last) == (
                everything(work / "site") == earlier
            ), said
        assert everything(places) == {} and leftovers(work) == [] and os.listdir(work) != []
        assert {p.name for p in work.iterdir()} <= {"site", "kept", "other"}
        if (tmp_path / "cache").exists():
            assert not [n for n in everything(tmp_path / "cache") if ".writing" in n]
        now = everything(work / "site")
        if now != earlier:
            whole(work / "site")
            shutil.rmtree(work / "site")
            assert forked(tmp_path, *report_of(example), "--out", work / "site")[0] == 0
            earlier = everything(work / "site")
        for kept in (work / "kept").glob("*"):
            if kept.is_dir():
                whole(kept)
    assert stopped >= MOMENTS // 2, "most must come while it runs"


def whole(folder):
    "What is there is all of one run's results."
    marker = json.loads((folder / ".schoolvar.json").read_text())
    there = {n for n, c in everything(folder).items() if c != "folder"} - {".schoolvar.json"}
    assert there == set(marker["files"]) and all(
        checksum(folder / n) == sha for n, sha in marker["files"].items()
    )


def many_reports(example, out):
    "The command in a process of its own, with two workers and enough to do for both."
    fits = [f"--{kind}={example[kind]}" for kind in ("achievement", "consistency")]
    forms = ["--formats=xlsx,pdf,notebook", "--lang=en", "--lang=fr", "--workers=2"]
    return subprocess.Popen(
        [*COMMAND, "report", *fits, *forms, f"--out={out}"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "CI": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("name", SIGNALS)
def test_the_command_itself_is_killed_with_its_workers(name, example, tmp_path, places):
    """A process of its own that is making reports by two workers.

    Ctrl-C in a terminal reaches them as well.
    """
    out = tmp_path / "out"
    run, workers, said = killed_with_workers(example, out, name)
    if run.returncode == 0:  # on a busy machine it had ended before the signal came
        shutil.rmtree(out)
        run, workers, said = killed_with_workers(example, out, name)
    assert len(workers) >= 2
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(map(alive, workers)):
        time.sleep(0.05)
    assert not any(map(alive, workers)) and not out.exists()
    if name == "SIGKILL":
        assert run.returncode == -9 and leftovers(tmp_path) and everything(places)
        names = {n.rsplit("/", 1)[-1] for n in everything(tmp_path)}
        # only finished pages wait to be gone on from
        assert not names & {"fit.nc", "schools.csv"}
        assert (
            forked(
                tmp_path, *report_of(example), "--district", "SIM01", "--out", tmp_path / "other"
            )[0]
            == 0
        )
        shutil.rmtree(tmp_path / "other")
    else:
        assert run.returncode == 128 + SIGNALS[name], said
        assert said.strip().splitlines() == [
            "schoolvar: stopped; earlier results are as they were"
        ], said
    assert os.listdir(tmp_path) == [] and everything(places) == {}


def killed_with_workers(example, out, name):
    "The command, killed when its first page is finished, its workers, and what it said."
    run = many_reports(example, out)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and run.poll() is None:
        if list(out.parent.glob(".out.*/new/.status/*.json")):
            break
        time.sleep(0.02)
    workers = []
    if run.poll() is None:
        workers = children(run.pid)
        os.killpg(run.pid, signal.SIGINT) if name == "SIGINT" else run.send_signal(SIGNALS[name])
    return run, workers, run.communicate(timeout=60)[1]


def children(pid):
    import psutil

    return [p.pid for p in psutil.Process(pid).children(recursive=True)]


def alive(pid):
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_hidden_folder_of_the_user_s_is_not_taken_for_one_of_ours(example, tmp_path, places):
    """It has our name, but not our lock.

    Neither beside the results nor in the temporary folder is it touched.
    """
    for place in (
        tmp_path / ".out.schoolvar-abcdefgh",
        places / f"schoolvar-{os.getuid()}-abcdefgh",
    ):
        place.mkdir()
        (place / "mine.txt").write_text("mine")
        os.utime(place, (1, 1))
    assert (
        command(*report_of(example), "--district", "SIM01", "--out", tmp_path / "out").returncode
        == 0
    )
    assert (tmp_path / ".out.schoolvar-abcdefgh" / "mine.txt").exists() and [
        p.name for p in places.rglob("*.txt")
    ] == ["mine.txt"]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_stopped_while_it_is_still_being_imported(name, tmp_path):
    "The first tenths of a second: one line, no traceback, nothing written."
    (tmp_path / "stand_in").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "stand_in" / "typer.py").write_text("print('here', flush=True); input()")
    start = [*COMMAND[:2], "from schoolvar.cli.start import main; main()"]
    run = subprocess.Popen(
        [*start, "run", "--out", "out"],
        cwd=tmp_path / "work",
        env={**os.environ, "PYTHONPATH": f"{tmp_path / 'stand_in'}{os.pathsep}{ROOT}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout.readline() == "here\n"
    run.send_signal(SIGNALS[name])
    _, said = run.communicate(timeout=60)
    assert said == "schoolvar: stopped; earlier results are as they were\n"
    assert run.returncode == 128 + SIGNALS[name] and os.listdir(tmp_path / "work") == []


def test_the_installed_command_begins_where_it_can_be_stopped():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"schoolvar": "schoolvar.cli.start:main"}
