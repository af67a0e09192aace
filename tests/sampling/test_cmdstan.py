"""CmdStan as users meet it: compiled once by whoever asks, without a word, wherever it lies, and
stopped cleanly. With the stand-in always, with a real CmdStan where CMDSTAN is set."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_cmdstan
import pytest
from conftest import ROOT, absent

from schoolvar.sampling import cmdstan, engine, programs
from schoolvar.sampling.cmdstan import CompileError, compile_cmdstan, compiler_of
from schoolvar.sampling.engine import sample
from schoolvar.sampling.programs import EngineError, choose_engine, read_program

REAL = os.environ.get("CMDSTAN")
COIN = """data { int N; } parameters { vector[N] x; } model { x ~ normal(0, 1); }
generated quantities { real first = x[1]; }"""
SHORT = dict(seed=1, chains=2, warmup=50, draws=50)
FIT = f"""
import sys
from schoolvar.sampling.engine import sample
print("ready", flush=True)
settings = eval(sys.argv[1])
idata = sample({COIN!r}, dict(N=settings.pop("N", 3)), cache=False, **settings)
print(idata.attrs["engine"], idata.attrs.get("compiler"), flush=True)
"""


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(tmp_path / "cache"))
    # a CmdStan in the user's home is not part of these tests
    monkeypatch.setenv("HOME", str(tmp_path))
    for v in ("CMDSTAN", "MAKE", "CXX", "SCHOOLVAR_ENGINE"):
        monkeypatch.delenv(v, raising=False)
    monkeypatch.setattr(programs, "_said", set())
    monkeypatch.setattr(engine, "_not_compiled", set())


@pytest.fixture
def fake(tmp_path, monkeypatch):
    "cmdstanpy with a stand-in behind it"
    for k, v in fake_cmdstan.install(tmp_path).items():
        monkeypatch.setenv(k, v)
    return tmp_path


real_cmdstan = pytest.param("real", marks=[pytest.mark.cmdstan, pytest.mark.slow])


@pytest.fixture(params=["fake", real_cmdstan])
def either(request, monkeypatch):
    "The stand-in, and the real one where there is one"
    if request.param == "fake":
        request.getfixturevalue("fake")
    elif not REAL:
        absent("cmdstan", "CMDSTAN is not set")
    else:
        monkeypatch.setenv("CMDSTAN", REAL)
    return request.param


def start(**settings):
    "A fit in a process of its own, which has no handler of pytest's and can be stopped"
    settings = SHORT | dict(engine="cmdstan") | settings
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", FIT, repr(settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | dict(PYTHONPATH=str(ROOT)),
    )
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def ended(process, seconds=600):
    "Status, output and errors of a fit"
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def is_alive(text):
    "Whether a process that was started here, and is not this one, has a text in its command line"
    told = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True).stdout
    return [
        line
        for line in told.splitlines()
        if text in line and int(line.split()[0]) != os.getpid() and "ps -ewwo" not in line
    ]


def compiled(folder):
    "The programs in a cache, and whatever else lies there but locks"
    found = (p for p in Path(folder).rglob("*") if p.is_file() and p.suffix != ".lock")
    return sorted(p.name for p in found)


# Compiled once


def test_three_processes_on_an_empty_cache(either, tmp_path, monkeypatch):
    "One compiles, the others wait for it"
    monkeypatch.setenv("FAKE_MAKE_SECONDS", "2")
    told = [ended(fit) for fit in [start(seed=k) for k in (1, 2, 3)]]
    assert [(status, err) for status, _, err in told] == [(0, "")] * 3
    assert compiled(tmp_path / "cache" / "cmdstan") == ["program", "program.stan"]
    if either == "fake":
        assert fake_cmdstan.calls(tmp_path) == ["program"]


def test_a_second_fit_compiles_nothing(fake):
    sample(COIN, dict(N=3), engine="cmdstan", **SHORT)
    sample(COIN, dict(N=3), engine="cmdstan", **SHORT | dict(seed=2))
    assert fake_cmdstan.calls(fake) == ["program"]


def test_what_decides_a_compiled_program(fake, tmp_path, monkeypatch):
    "Its text, CmdStan's place and options, and the compiler: a change of any compiles again"
    places = {compile_cmdstan("a", COIN).executable.parent}
    places.add(compile_cmdstan("a", COIN + " ").executable.parent)
    folder = Path(os.environ["CMDSTAN"])
    (folder / "make" / "local").parent.mkdir()
    (folder / "make" / "local").write_text("STAN_NO_RANGE_CHECKS=true\n")
    places.add(compile_cmdstan("a", COIN).executable.parent)
    monkeypatch.setattr(fake_cmdstan, "COMPILER", "stand-in c++ 9")
    other = folder / "bin" / "other"
    other.write_text("#!/bin/sh\necho another 9.9\n")
    other.chmod(0o755)
    monkeypatch.setenv("CXX", str(other))
    places.add(compile_cmdstan("a", COIN).executable.parent)
    moved = folder.rename(tmp_path / "moved")
    monkeypatch.setenv("CMDSTAN", str(moved))
    monkeypatch.setenv("MAKE", str(moved / "bin" / "make"))
    monkeypatch.setenv("CXX", str(moved / "bin" / "other"))
    places.add(compile_cmdstan("a", COIN).executable.parent)
    assert len(places) == 5 and (moved / "made.txt").read_text().split() == ["a"] * 5


@pytest.mark.parametrize("fault", ["cut short", "no program", "does not run"])
def test_a_damaged_program_is_made_again(fake, fault):
    program = compile_cmdstan("a", COIN).executable
    if fault == "cut short":
        program.write_bytes(b"")
    elif fault == "no program":
        program.unlink()
    else:
        program.write_text("#!/bin/sh\nexit 127\n")
    again = compile_cmdstan("a", COIN)
    assert again.executable == program and again.seconds > 0
    assert compile_cmdstan("a", COIN).seconds == 0 and len(fake_cmdstan.calls(fake)) == 2


def test_a_cache_that_cannot_be_written_compiles_once_a_process(fake, tmp_path, monkeypatch):
    "And leaves nothing in the temporary folder"
    (tmp_path / "file").write_text("")
    (tmp_path / "tmp").mkdir()
    for v in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(v, str(tmp_path / "tmp"))
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(tmp_path / "file"))
    code = f"""
from schoolvar.sampling.engine import sample
for seed in (1, 2, 3):
    sample({COIN!r}, dict(N=3), engine="cmdstan", chains=1, warmup=20, draws=20, seed=seed)
"""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | dict(PYTHONPATH=str(ROOT)),
    )
    assert run.returncode == 0, run.stderr
    assert fake_cmdstan.calls(fake) == ["program"]
    lines = run.stderr.splitlines()
    assert len(lines) == 1 and "working without a cache" in lines[0]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_compiled_program_in_a_cache_that_cannot_be_written_is_used(fake, monkeypatch):
    there = compile_cmdstan("a", COIN)
    monkeypatch.setattr(cmdstan, "_build", None)
    monkeypatch.setattr(cmdstan, "private_folder", None)
    assert compile_cmdstan("a", COIN) == there._replace(seconds=0.0)


def test_blanks_in_paths(either, tmp_path, monkeypatch):
    "Of the cache, of CmdStan, of the temporary folder, and of the folder that one is in"
    folder = tmp_path / "a b" / "Cmd Stan"
    folder.parent.mkdir()
    if either == "fake":
        Path(os.environ["CMDSTAN"]).rename(folder)
        monkeypatch.setenv("MAKE", str(folder / "bin" / "make"))
        monkeypatch.setenv("CXX", f"'{folder / 'bin' / 'compiler'}'")
    else:
        linked = subprocess.run(["cp", "-al", REAL, str(folder)], capture_output=True)
        if linked.returncode:  # another disk
            shutil.copytree(REAL, folder, dirs_exist_ok=True)
    (tmp_path / "t m p").mkdir()
    for v in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(v, str(tmp_path / "t m p"))
    monkeypatch.setenv("CMDSTAN", str(folder))
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(tmp_path / "c a c h e"))
    monkeypatch.chdir(tmp_path / "a b")
    status, out, err = ended(start())
    assert (status, err) == (0, "") and out.startswith("cmdstan ")
    assert compiled(tmp_path / "c a c h e" / "cmdstan") == ["program", "program.stan"]
    assert list((tmp_path / "t m p").iterdir()) == []
    if either == "real":  # moved: what it compiled before no longer finds its libraries
        folder = folder.rename(tmp_path / "moved")
        monkeypatch.setenv("CMDSTAN", str(folder))
        status, out, err = ended(start())
        assert (status, err) == (0, "") and out.startswith("cmdstan ")


# Stopped


def test_an_interrupted_compilation_leaves_nothing(either, tmp_path, monkeypatch):
    "No process goes on, no half program lies in the cache, and the next fit compiles"
    monkeypatch.setenv("FAKE_MAKE_SECONDS", "60")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    fit = start()
    until = time.monotonic() + 60
    while not list((tmp_path / "tmp").rglob("program.*pp")) and time.monotonic() < until:
        if list((tmp_path / "tmp").rglob("program.o")):  # the stand-in's
            break
        time.sleep(0.1)
    time.sleep(1)
    clock = time.monotonic()
    fit.send_signal(signal.SIGINT)
    status, _, err = ended(fit, 30)
    assert status != 0 and "KeyboardInterrupt" in err and time.monotonic() - clock < 15
    assert is_alive(str(tmp_path / "tmp")) == []
    assert compiled(tmp_path / "cache") == [] and list((tmp_path / "tmp").iterdir()) == []
    if either == "fake":
        monkeypatch.setenv("FAKE_MAKE_SECONDS", "0")
        assert ended(start())[0] == 0


def test_ctrl_c_stops_the_chains_without_a_word(either, tmp_path, monkeypatch):
    """The signal goes to this process alone, or to all of them, as in a terminal: no chain goes on,
    none says that it failed"""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    compile_cmdstan(*read_program(COIN))
    for everybody in (False, True):
        fit = start(N=2000, warmup=10_000, chains=3, step_size=1e-4)
        until = time.monotonic() + 60
        while not is_alive("num_warmup=10000") and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(2)
        if everybody:
            for line in is_alive("num_warmup=10000"):
                os.kill(int(line.split()[0]), signal.SIGINT)
        fit.send_signal(signal.SIGINT)
        clock = time.monotonic()
        status, out, err = ended(fit, 60)
        assert status != 0 and "KeyboardInterrupt" in err and time.monotonic() - clock < 40
        assert "Chain" not in out + err and "error: code" not in err
        assert is_alive("num_warmup=10000") == []
        assert list((tmp_path / "tmp").iterdir()) == []


# What is said


def test_nothing_is_logged_where_short_trajectories_are_meant(either):
    "The first fit of a process, without pytest's handler: cmdstanpy would set its level anew"
    status, out, err = ended(start(max_treedepth=1, step_size=0.01))
    assert (status, err) == (0, "") and out.startswith("cmdstan ")


def test_cmdstanpys_log_is_as_it_was_afterwards(fake):
    import cmdstanpy

    log = cmdstanpy.utils.get_logger()
    before = log.level, log.disabled, list(log.handlers)
    sample(COIN, dict(N=3), engine="cmdstan", **SHORT)
    assert before == (log.level, log.disabled, list(log.handlers)) and not log.disabled


def test_a_terminal_sees_what_is_compiled_and_for_how_long(fake, monkeypatch, capsys):
    monkeypatch.setenv("FAKE_MAKE_SECONDS", "1.5")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    compile_cmdstan("coin", COIN)
    said = capsys.readouterr().err
    assert re.search(r"\rcompiling coin, once, about \d+ s \.\.\. 1 s\r", said)
    assert said.endswith("\r") and not said.rsplit("\r", 2)[1].strip()
    compile_cmdstan("coin", COIN)
    assert capsys.readouterr().err == ""


def test_one_bar_for_both_engines(fake, capfd, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    sample(COIN, dict(N=3), engine="cmdstan", progress=True, label="Coins", **SHORT)
    out, err = capfd.readouterr()
    assert out == "" and "Coins" in err and "%" in err and "chain 1" not in err


def test_the_manifest_names_the_compiler(fake):
    from schoolvar.sampling.fit import make_manifest

    kept = [sample(COIN, dict(N=3), engine="cmdstan", **SHORT) for _ in (1, 2)]
    assert [idata.attrs["cached"] for idata in kept] == [0, 1]
    for idata in kept:
        about = dict(settings={}, priors={}, source={}, diagnostics={})
        run = make_manifest("x", idata=idata, **about)["run"]
        assert run["compiler"] == fake_cmdstan.COMPILER
        assert run["engine_version"] == fake_cmdstan.VERSION
    assert "compiler" not in sample(COIN, dict(N=3), engine="stanli", **SHORT).attrs


@pytest.mark.parametrize(
    "said, line",
    [
        ("out of luck", "did not compile it: out of luck$"),
        ("x\ny.cpp:1:1: fatal error: no header\nmore", "it: y.cpp:1:1: fatal error: no header$"),
    ],
)
def test_why_it_did_not_compile_is_one_line(fake, monkeypatch, said, line):
    monkeypatch.setenv("FAKE_MAKE_FAILS", said)
    with pytest.raises(CompileError, match=line) as e:
        compile_cmdstan("a", COIN)
    assert "\n" not in str(e.value)


def test_a_program_that_is_wrong_says_where(either):
    wrong = "parameters { real x; }\nmodel { y ~ normal(0, 1); }\n"
    with pytest.raises(CompileError, match="line 2.*not in scope") as e:
        compile_cmdstan("wrong", wrong)
    assert "\n" not in str(e.value)


# Which engine


def test_auto_takes_stanli_where_both_are(fake):
    assert choose_engine()[0] == "stanli"
    assert choose_engine("cmdstan") == ("cmdstan", fake_cmdstan.VERSION)


def test_the_environment_names_an_engine(fake, monkeypatch):
    monkeypatch.setenv("SCHOOLVAR_ENGINE", "cmdstan")
    assert choose_engine() == ("cmdstan", fake_cmdstan.VERSION)
    assert choose_engine("stanli")[0] == "stanli", "a fit that names its engine has it"
    assert sample(COIN, dict(N=3), **SHORT).attrs["engine"] == "cmdstan"
    monkeypatch.setenv("SCHOOLVAR_ENGINE", "stan")
    with pytest.raises(EngineError, match="SCHOOLVAR_ENGINE is 'stan'; it can be: auto, stanli"):
        choose_engine()
    monkeypatch.setenv("SCHOOLVAR_ENGINE", "")
    assert choose_engine()[0] == "stanli"


def test_cmdstan_takes_the_place_of_a_stanli_that_is_absent(fake, monkeypatch):
    monkeypatch.setitem(sys.modules, "stanli", None)
    assert choose_engine()[0] == "cmdstan"
    (Path(os.environ["CMDSTAN"]) / "bin" / "stanc").unlink()
    with pytest.raises(EngineError, match="stanli cannot be loaded"):
        choose_engine()


@pytest.mark.parametrize("fault", ["not there", "only a makefile", "no compiler", "make fails"])
def test_stanli_runs_where_the_environments_cmdstan_does_not(fake, monkeypatch, caplog, fault):
    "One line says so, and CmdStan is not tried again; where it was asked for by name it is an error"
    monkeypatch.setenv("SCHOOLVAR_ENGINE", "cmdstan")
    if fault == "not there":
        monkeypatch.setenv("CMDSTAN", str(fake / "nowhere"))
    elif fault == "only a makefile":
        shutil.rmtree(Path(os.environ["CMDSTAN"]) / "bin")
    elif fault == "no compiler":
        monkeypatch.setenv("CXX", "no-such-compiler")
    else:
        monkeypatch.setenv("FAKE_MAKE_FAILS", "ld: error: out of luck")
    for seed in (1, 2):
        idata = sample(COIN, dict(N=3), **SHORT | dict(seed=seed))
        assert idata.attrs["engine"] == "stanli" and "compiler" not in idata.attrs
    said = [r.message for r in caplog.records if r.name == "schoolvar"]
    assert len(said) == 1 and "stanli runs" in said[0] and "\n" not in said[0], said
    if fault == "make fails":
        assert "out of luck" in said[0] and fake_cmdstan.calls(fake) == ["program"]
    with pytest.raises(EngineError):
        sample(COIN, dict(N=3), engine="cmdstan", **SHORT)


def test_an_ordinary_test_runs_on_stanli_whatever_is_installed(fake, monkeypatch):
    "tests/conftest.py names the engine: CMDSTAN does not change what is tested, nor how fast"
    code = (
        "import conftest; from schoolvar.sampling.programs import choose_engine as c; print(c()[0])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | dict(PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}", SCHOOLVAR_ENGINE="cmdstan"),
    )
    assert run.stdout == "stanli\n", run.stderr


def test_the_compiler_that_make_would_take(fake, tmp_path, monkeypatch):
    "make/local before CXX before the system's"
    folder = Path(os.environ["CMDSTAN"])
    assert compiler_of(folder) == fake_cmdstan.COMPILER
    (folder / "make").mkdir()
    own = tmp_path / "own"
    own.write_text("#!/bin/sh\necho our own 1.0\n")
    own.chmod(0o755)
    (folder / "make" / "local").write_text(f"# CXX=no\nCXX = {own}\n")
    assert compiler_of(folder) == "our own 1.0"
    own.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(CompileError, match="does not run"):
        compiler_of(folder)
    monkeypatch.setenv("MAKE", "no-such-make")
    with pytest.raises(CompileError, match="there is no no-such-make"):
        compiler_of(folder)
