"The cache: right name, whole or not at all, never in the way."

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from frozen_fits import EIGHT_SCHOOLS, LABELS

from schoolvar.core import files as cache_files
from schoolvar.core.files import content_hash
from schoolvar.core.private import replacing
from schoolvar.sampling import cache, engine
from schoolvar.sampling.cache import cache_report, cached, clear_cache

PROGRAM = Path(__file__).parent.parent / "programs" / "eight_schools.stan"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def draw(**changes):
    return engine.sample(
        changes.pop("program", PROGRAM),
        **dict(
            data=EIGHT_SCHOOLS, warmup=50, draws=20, chains=2, keep=["mu", "theta"], engine="stanli"
        )
        | changes,
    )


def entry(folder):
    return next(p for p in (folder / "fits").rglob("*.nc"))


def text(value, path):
    path.write_text(json.dumps(value))


def untext(path):
    return json.loads(path.read_text())


# What decides a fit decides its name


def test_the_second_time_is_from_the_cache():
    one, two = draw(), draw()
    assert not one.attrs["cached"] and two.attrs["cached"]
    assert one.posterior.equals(two.posterior) and one.sample_stats.equals(two.sample_stats)
    assert {k: v for k, v in one.attrs.items() if k != "cached"} == {
        k: v for k, v in two.attrs.items() if k != "cached"
    }
    assert two.posterior["theta"].dtype == one.posterior["theta"].dtype


@pytest.mark.parametrize(
    "change",
    [
        dict(seed=2),
        dict(draws=21),
        dict(warmup=51),
        dict(chains=3),
        dict(step_size=0.2),
        dict(adapt_delta=0.81),
        dict(metric="diag_e"),
        dict(max_treedepth=9),
        dict(inits=0.5),
        dict(keep=["mu"]),
        dict(dims=dict(theta=["school"])),
        dict(dims=dict(theta=["school"]), coords=dict(school=LABELS)),
        dict(data=EIGHT_SCHOOLS | dict(y=EIGHT_SCHOOLS["y"] + 1e-12)),
        dict(inits=lambda rng: dict(mu=1.0, tau=1.0, z=np.zeros(8))),
    ],
    ids=lambda c: next(iter(c)),
)
def test_a_change_is_another_fit(change):
    draw()
    assert not draw(**change).attrs["cached"]


def test_a_change_of_an_included_file_is_another_fit(tmp_path):
    program = tmp_path / "p.stan"
    program.write_text(
        "functions {\n#include f.stan\n}\nparameters { real x; } model { x ~ normal(f(), 1); }"
    )
    (tmp_path / "f.stan").write_text("real f() { return 0; }")
    same = dict(program=program, data={}, keep=["x"])
    assert not draw(**same).attrs["cached"] and draw(**same).attrs["cached"]
    (tmp_path / "f.stan").write_text("real f() { return 9; }")
    new = draw(**same)
    assert not new.attrs["cached"] and new.posterior["x"].mean() > 5


def test_another_version_of_the_engine_is_another_fit(monkeypatch):
    draw()
    monkeypatch.setattr(engine, "choose_engine", lambda e: ("stanli", "9.9.9"))
    assert not draw().attrs["cached"]


def test_what_does_not_decide_the_draws_does_not_decide_the_name():
    draw()
    assert draw(label="another bar", progress=False).attrs["cached"]
    assert draw(
        data={
            k: (v.tolist() if hasattr(v, "tolist") else v)
            for k, v in reversed(EIGHT_SCHOOLS.items())
        }
    ).attrs["cached"]


def test_cache_off(folder):
    assert not draw(cache=False).attrs["cached"] and not folder.exists()


# Damage


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "text", "no seal", "wrong seal"])
def test_a_damaged_entry_is_made_again_with_one_line(folder, damage, caplog):
    before = draw()
    path = entry(folder)
    seal = path.with_suffix(".sha256")
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    if damage == "bit":
        path.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
    if damage == "empty":
        path.write_bytes(b"")
    if damage == "text":
        path.write_text("not netCDF")
        seal.write_text(cache_files.checksum(path))
    if damage == "no seal":
        seal.unlink()
    if damage == "wrong seal":
        seal.write_text("0" * 64)
    again = draw()
    assert not again.attrs["cached"] and again.posterior.equals(before.posterior)
    assert [r.getMessage().count("\n") for r in caplog.records] == [
        0
    ] and "making it again" in caplog.text
    assert (
        draw().attrs["cached"] and cache_files.checksum(entry(folder)) == seal.read_text().strip()
    )


def test_an_interrupted_write_leaves_nothing_to_trust(folder):
    def save(value, path):
        text(value, path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached("ab" * 32, lambda: 1, save, untext)
    assert cached("ab" * 32, lambda: 2, text, untext) == (2, False)
    assert not [p for p in folder.rglob("*") if ".writing" in p.name]


def test_killed_while_writing(folder):
    """A process that is killed in the middle of a write leaves no entry, and no lock that holds
    others up"""
    code = """
import os, sys
from schoolvar.sampling.cache import cached
def save(value, path):
    path.write_text("half"); print("writing", flush=True); os.kill(os.getpid(), 9)
cached("cd" * 32, lambda: 1, save, None)
"""
    p = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert p.stdout == "writing\n" and p.returncode == -9
    clock = time.perf_counter()
    assert (
        cached("cd" * 32, lambda: 2, text, untext) == (2, False) and time.perf_counter() - clock < 5
    )


def test_many_processes_make_it_once(folder, tmp_path):
    code = """
import json, sys, time
from schoolvar.sampling.cache import cached
log, n = sys.argv[1], int(sys.argv[2])
def compute():
    with open(log, "a") as f:
        f.write(f"{n}\\n")
    time.sleep(0.3)
    return n
def save(value, path):
    path.write_text(json.dumps(value))
print(cached("ef" * 32, compute, save, lambda path: json.loads(path.read_text()))[0])
"""
    log = tmp_path / "log"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(log), str(n)], stdout=subprocess.PIPE, text=True
        )
        for n in range(6)
    ]
    values = [process.communicate(timeout=60)[0] for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert len(set(values)) == 1 and len(log.read_text().splitlines()) == 1


# A cache that cannot be used costs time, never a result


@pytest.mark.parametrize("where", ["a file", "under a file", "/proc/schoolvar"])
def test_a_folder_that_cannot_be_written(where, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(
        "SCHOOLVAR_CACHE",
        {"a file": str(tmp_path / "file"), "under a file": str(tmp_path / "file" / "cache")}.get(
            where, where
        ),
    )
    assert draw().posterior.sizes["draw"] == 20
    assert "working without a cache" in caplog.text and len(caplog.records) == 1


def test_a_full_disk(folder, monkeypatch, caplog):
    def save(value, path):
        raise OSError(28, "No space left on device")

    assert cached("12" * 32, lambda: 7, save, untext) == (7, False)
    assert "No space left on device" in caplog.text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_fills_while_writing(folder, caplog):
    def save(value, path):
        with open("/dev/full", "w") as f:
            f.write("x" * 10_000)

    assert cached("34" * 32, lambda: 7, save, untext) == (7, False) and "not cached" in caplog.text


def test_a_read_only_cache_still_serves(folder, monkeypatch, caplog):
    "Not by permissions, which root passes: every attempt to write is refused"
    draw()

    def refuse(*a, **k):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(cache.tempfile, "TemporaryFile", refuse)
    assert draw().attrs["cached"] and not caplog.records
    assert not draw(seed=5).attrs["cached"] and "Read-only file system" in caplog.text


def test_no_locks_to_be_had(monkeypatch):
    import filelock

    monkeypatch.setattr(
        filelock.FileLock,
        "acquire",
        lambda self, *a, **k: (_ for _ in ()).throw(OSError(37, "No locks available")),
    )
    assert cached("56" * 32, lambda: 1, text, untext) == (1, False) and cached(
        "56" * 32, lambda: 2, text, untext
    ) == (1, True)


def test_a_clock_set_back_changes_nothing(folder):
    draw()
    os.utime(entry(folder), (0, 0))
    assert draw().attrs["cached"]
    os.utime(entry(folder), (4e9, 4e9))
    assert draw().attrs["cached"] and cache_report()["entries"] == 1


# Report and emptying


def test_report_and_clear(folder):
    assert cache_report()["entries"] == 0 and clear_cache() == 0
    draw()
    draw(seed=2)
    r = cache_report()
    assert r["entries"] == 2 and r["megabytes"] > 0 and r["folder"] == str(folder)
    assert clear_cache(older_than=1) == 0
    os.utime(entry(folder), (1, 1))
    assert clear_cache(older_than=1) == 1 and clear_cache() == 1 and not list(folder.rglob("*.nc"))


# Pieces


def test_hashes_are_fixed():
    "A change here would silently empty every user's cache"
    assert (
        content_hash(dict(b=[1, 2.5, None, "x", True], a=np.arange(3)))
        == "3737631a223457576de108a15e390ac22570e9edbfd9e69d275f69e841726141"
    )


def test_replacing_a_folder_keeps_the_old_one_until_the_new_is_whole(tmp_path):
    with replacing(tmp_path / "d", folder=True) as new:
        (new / "a").write_text("1")
    with pytest.raises(RuntimeError):
        with replacing(tmp_path / "d", folder=True) as new:
            (new / "a").write_text("2")
            raise RuntimeError
    assert (tmp_path / "d" / "a").read_text() == "1"
    with replacing(tmp_path / "d", folder=True) as new:
        (new / "b").write_text("2")
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["b"] and [
        p.name for p in tmp_path.iterdir()
    ] == ["d"]
    if os.name != "nt":
        assert (tmp_path / "d").stat().st_mode & 0o777 == 0o700, "the cache is its owner's"
