"""The doctor finds what is wrong, names the command that mends it, and calls a machine ready
only when it is.
"""

import re
import shutil
import sys
import types
from importlib import metadata

import fake_cmdstan
import pytest

from schoolvar.cli import doctor
from schoolvar.cli.doctor import report
from schoolvar.sampling.programs import stan_folder


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for v in ("CMDSTAN", "SCHOOLVAR_ENGINE"):
        monkeypatch.delenv(v, raising=False)


def row(what):
    return next(r for r in report().rows if r.what == what)


def test_this_machine_is_ready():
    r = report()
    assert (
        r.ok
        and str(r).endswith("Ready.")
        and {x.what for x in r.rows}
        >= {
            "Python",
            "schoolvar",
            "packages",
            "stanli",
            "engine",
            "CmdStan",
            "Stan programs",
            "processor",
            "memory",
            "cache",
            "Chromium",
            "Quarto",
        }
    )
    assert all(x.mend and "\n" not in x.mend for x in r.rows if x.state != "ok") and not any(
        x.mend for x in r.rows if x.state == "ok"
    )
    assert (
        r.to_dict()["rows"][0]["what"] == "Python"
        and r._repr_html_().count("<tr>") == len(r.rows) + 1
    )


def test_a_missing_and_an_old_package(monkeypatch):
    real = metadata.version

    def version(name):
        if name == "filelock":
            raise metadata.PackageNotFoundError(name)
        return "0.0.1" if name == "pandas" else real(name)

    monkeypatch.setattr(metadata, "version", version)
    r = report()
    found = next(x for x in r.rows if x.what == "packages")
    assert (
        not r.ok
        and "filelock is not installed" in found.found
        and re.search(r"pandas 0.0.1, but >=\S+ is needed", found.found)
    )
    assert "pip install" in found.mend and "Not ready" in str(r)


@pytest.mark.parametrize(
    "fault, says",
    [
        ("absent", "does not run"),
        ("broken", "does not run: no such symbol"),
        ("wrong", "wrong answer"),
    ],
)
def test_a_sampler_that_does_not_work(monkeypatch, fault, says):
    if fault == "absent":
        monkeypatch.setitem(sys.modules, "stanli", None)
    else:
        import numpy as np

        class Model:
            def __init__(self, **k):
                if fault == "broken":
                    raise RuntimeError("no such symbol\nmore")

            def sample(self, **k):
                return {"p": np.full(100, 0.5)}

        monkeypatch.setitem(
            sys.modules, "stanli", types.SimpleNamespace(Model=Model, __version__="9")
        )
    found = row("stanli")
    assert (
        found.state == "missing"
        and says in found.found
        and "--force-reinstall" in found.mend
        and "stanli==" in found.mend
    )


@pytest.fixture
def fake(tmp_path, monkeypatch):
    for k, v in fake_cmdstan.install(tmp_path).items():
        monkeypatch.setenv(k, v)
    return tmp_path / f"cmdstan-{fake_cmdstan.VERSION}"


def test_cmdstan_absent():
    found = row("CmdStan")
    assert found.state == "optional" and found.mend.endswith(
        "/python -m cmdstanpy.install_cmdstan"
    ), "the Python of this environment, which need not be active"


def test_cmdstan_present_and_without_a_compiler(fake, monkeypatch):
    found = row("CmdStan")
    assert found.state == "ok" and fake_cmdstan.VERSION in found.found
    assert fake_cmdstan.COMPILER in found.found
    monkeypatch.setenv("CXX", "no-such-compiler")
    found = row("CmdStan")
    assert found.state == "optional" and "there is no no-such-compiler" in found.found
    assert "g++" in found.mend


@pytest.mark.parametrize("engine, state", [("", "optional"), ("cmdstan", "missing")])
@pytest.mark.parametrize("fault", ["a makefile alone", "not built", "not there"])
def test_a_folder_that_is_no_cmdstan(fake, monkeypatch, fault, engine, state):
    "Needed only where the environment asks for it"
    monkeypatch.setenv("SCHOOLVAR_ENGINE", engine)
    if fault == "a makefile alone":
        for part in ("bin", "src", "stan"):
            shutil.rmtree(fake / part)
        says, mend = "it lacks bin/stanc and 3 more", "cmdstanpy.install_cmdstan"
    elif fault == "not built":
        (fake / "bin" / "stanc").unlink()
        says, mend = "is not a CmdStan that is built: it lacks bin/stanc", f"make -C '{fake}' build"
    else:
        monkeypatch.setenv("CMDSTAN", str(fake / "nowhere"))
        says, mend = "nowhere, where there is none", "cmdstanpy.install_cmdstan"
    found = row("CmdStan")
    assert found.state == state and says in found.found and found.mend.endswith(mend)
    assert report().ok is (state == "optional")


def test_the_engine_of_fits_that_name_none(fake, monkeypatch):
    assert row("engine").found.startswith("fits run on stanli ")
    monkeypatch.setenv("SCHOOLVAR_ENGINE", "cmdstan")
    assert row("engine").found == (
        f"fits run on cmdstan {fake_cmdstan.VERSION}, by SCHOOLVAR_ENGINE=cmdstan"
    )
    monkeypatch.setenv("SCHOOLVAR_ENGINE", "jags")
    found = row("engine")
    assert found.state == "missing" and "SCHOOLVAR_ENGINE is 'jags'" in found.found


def test_all_programs_are_compiled_ahead(fake, capsys):
    from schoolvar.cli.main import main

    names = sorted(p.stem for p in stan_folder().glob("*.stan"))
    for again in (False, True):
        with pytest.raises(SystemExit) as e:
            main(["doctor", "--compile"])
        out, err = capsys.readouterr()
        assert e.value.code == 0 and out.strip().endswith("Ready.")
        assert [line.split()[3] for line in err.splitlines()[1::2]] == names
        how = "there already, by" if again else r"in \d+ s, by"
        for name in names:
            assert re.search(rf"ok +compiled {name} +{how} {re.escape(fake_cmdstan.COMPILER)}", out)
    assert fake_cmdstan.calls(fake.parent) == names


def test_a_program_that_does_not_compile_is_missing(fake, monkeypatch, capsys):
    from schoolvar.cli.main import main

    monkeypatch.setenv("FAKE_MAKE_FAILS", "ld: error: out of luck")
    with pytest.raises(SystemExit) as e:
        main(["doctor", "--compile"])
    out, _ = capsys.readouterr()
    missing = [line for line in out.splitlines() if line.startswith("MISSING")]
    assert e.value.code == 1 and len(missing) == len(list(stan_folder().glob("*.stan")))
    assert "achievement: CmdStan 2.37.0 did not compile it: ld: error: out of luck" in out


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(tmp_path / "file"))
    found = row("cache")
    assert (
        found.state == "optional"
        and "made anew" in found.found
        and "SCHOOLVAR_CACHE" in found.mend
        and report().ok
    )


def test_programs_that_did_not_come_along(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "stan_folder", lambda: tmp_path)
    assert row("Stan programs").state == "missing"


def test_optional_programs(monkeypatch):
    monkeypatch.setattr(
        doctor.shutil,
        "which",
        lambda p: {"chromium": "/usr/bin/chromium", "apt-get": "/usr/bin/apt-get"}.get(p),
    )
    assert row("Chromium").found == "/usr/bin/chromium" and row("Quarto").state == "optional"
    monkeypatch.setattr(
        doctor.shutil, "which", lambda p: "/usr/bin/apt-get" if p == "apt-get" else None
    )
    assert row("Chromium").mend == "sudo apt-get install --yes chromium" and report().ok
