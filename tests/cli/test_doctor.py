"""The doctor finds what is wrong, names the command that mends it, and calls a machine ready
only when it is.
"""

import re
import sys
import types
from importlib import metadata

import fake_cmdstan
import pytest

from schoolvar.cli import doctor
from schoolvar.cli.doctor import report


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CMDSTAN", raising=False)


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


def test_cmdstan_absent_present_and_without_a_compiler(monkeypatch, tmp_path):
    assert row("CmdStan").state == "optional" and row("CmdStan").mend.endswith(
        "/python -m cmdstanpy.install_cmdstan"
    ), "the Python of this environment, which need not be active"
    for k, v in fake_cmdstan.install(tmp_path).items():
        monkeypatch.setenv(k, v)
    which = doctor.shutil.which
    monkeypatch.setattr(
        doctor.shutil, "which", lambda p: "/usr/bin/" + p if p in ("make", "g++") else which(p)
    )
    assert row("CmdStan").state == "ok" and fake_cmdstan.VERSION in row("CmdStan").found
    monkeypatch.setattr(doctor.shutil, "which", lambda p: None)
    assert row("CmdStan").state == "missing" and "compiler" in row("CmdStan").found


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
