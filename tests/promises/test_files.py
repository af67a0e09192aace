"""A user's files are never touched, and nothing private is left behind.

Everything here uses the command as a user or an attacker would, and looks at the disk byte by
byte, before and after; test_killed.py looks at it after the command was stopped.
"""

import itertools
import json
import os
import shutil
import signal
import stat
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
from outside import command, everything, refusal, relist, reseal
from users_files import SMALL, cache, example, fitted, forked, places, report_of, tables  # noqa: F401

from schoolvar.core.files import checksum

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="signals, pipes and modes of files are those of POSIX"
)
KINDS = ("consistency", "achievement", "value_added")


def commands(tables, example):
    "Every command that writes results."
    counts, scores = tables / "counts.csv", tables / "scores.csv"
    return {
        "consistency": ("consistency", scores, *SMALL),
        "achievement": ("achievement", counts, "--grade", 3, *SMALL),
        "value-added": ("value-added", counts, *SMALL),
        "compare": ("compare", counts, "--grade", 3, "--models", "M1,M2", *SMALL),
        "report": report_of(example),
        "run": (
            "run",
            "--counts",
            counts,
            "--scores",
            scores,
            "--grade",
            3,
            "--workers",
            1,
            *SMALL,
        ),
        "rerun": (
            "rerun",
            "achievement",
            "--data",
            counts,
            "-p",
            "grade=3",
            "-p",
            "draws=20",
            "--workers",
            1,
        ),
    }


NAMES = ("consistency", "achievement", "value-added", "compare", "report", "run", "rerun")


def users_folder(where):
    "What was lost when this was not promised, and what looks like ours."
    for name, text in {
        "assets/logo.png": "logo",
        "data/counts.csv": "counts",
        "districts/a.geojson": "{}",
        "index.html": "<h1>Mine</h1>",
        "manifest.json": '{"model": "mine"}',
        "photos/2019.jpg": "photo",
        "thesis.docx": "years",
        "schools.csv": "school\n",
    }.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_text(text)
    return where


# ---- what may be replaced


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_full_of_a_user_s_files_survives(name, tables, example, tmp_path, places):
    "Refused before any work, with the first file in the way; every byte is as it was."
    site = users_folder(tmp_path / "site")
    before = everything(tmp_path)
    said = refusal(command(*commands(tables, example)[name], "--out", site))
    assert "holds index.html, which schoolvar did not write; name another folder" in said
    assert everything(tmp_path) == before and everything(places) == {}


@pytest.mark.parametrize(
    "change",
    ["added", "added deep", "an empty folder", "changed", "a link instead", "another list"],
)
def test_one_file_of_the_user_s_among_ours_is_enough(change, example, tmp_path):
    out = tmp_path / "out"
    again = (*report_of(example), "--district", "SIM01", "--out", out)
    assert command(*again).returncode == 0
    page = next((out / "districts").iterdir())
    if change == "added":
        (out / "notes.txt").write_text("mine")
        culprit = "notes.txt"
    if change == "added deep":
        (out / "districts" / "notes.txt").write_text("mine")
        culprit = "districts/notes.txt"
    if change == "an empty folder":
        (out / "photos").mkdir()
        culprit = "photos"
    if change == "changed":
        page.write_text(page.read_text() + "<p>My words</p>")
        culprit = f"districts/{page.name}"
    if change == "a link instead":
        shutil.move(page, tmp_path / "page")
        page.symlink_to(tmp_path / "page")
        culprit = f"districts/{page.name}"
    if change == "another list":
        marker = json.loads((out / ".schoolvar.json").read_text())
        (out / ".schoolvar.json").write_text(json.dumps(marker | {"files": {"../page": "0" * 64}}))
        culprit = ".schoolvar.json"
    before = everything(tmp_path)
    assert culprit in refusal(command(*again))
    assert everything(tmp_path) == before


def test_ours_is_replaced_and_nothing_of_it_stays(example, tmp_path, places):
    out = tmp_path / "out"
    assert command(*report_of(example), "--district", "SIM01", "--out", out).returncode == 0
    assert command(*report_of(example), "--district", "SIM02", "--out", out).returncode == 0
    assert [p.name[:5] for p in (out / "districts").glob("*.html")] == ["sim02"]
    assert os.listdir(tmp_path) == ["out"] and everything(places) == {}


def test_a_fit_a_comparison_and_a_report_do_not_replace_each_other(
    tables, example, fitted, tmp_path
):
    made = {"fit": shutil.copytree(fitted, tmp_path / "fit"), "report": tmp_path / "report"}
    assert command(*report_of(example), "--out", made["report"]).returncode == 0
    before = everything(tmp_path)
    for name in NAMES:
        kind = {"report": "report", "run": "report", "compare": "compare", "rerun": "rerun"}.get(
            name, "fit"
        )
        for there, folder in made.items():
            if there != kind:
                assert f"another kind ({there})" in refusal(
                    command(*commands(tables, example)[name], "--out", folder)
                )
    assert everything(tmp_path) == before


def test_places_that_are_never_replaced(tables, example, tmp_path):
    """The folder one is in, those above it, home, the root.

    Links, also to nowhere; a file, a pipe, a device.
    """
    work = tmp_path / "home" / "work"
    work.mkdir(parents=True)
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    before = everything(tmp_path)
    places = {
        ".": "the folder you are in",
        "": "the folder you are in",
        "..": "the folder you are in",
        "../work": "the folder you are in",
        tmp_path / "home": "the folder you are in",
        "/": "lies inside the report's folder",
        tmp_path / "link": "is a link to",
        f"{tmp_path}/link/": "is a link to",
        tmp_path / "dangling": "is a link to",
        tmp_path / "file": "is a file",
        tmp_path / "file" / "out": "is a file",
        tmp_path / "pipe": "is a pipe or a device",
        "/dev/null": "is a pipe or a device",
    }
    for place, reason in places.items():
        said = refusal(command(*report_of(example), "--out", place, cwd=work))
        assert reason in said, (place, said)
    said = refusal(
        command(
            *commands(tables, example)["consistency"],
            "--out",
            tmp_path / "home",
            cwd=tmp_path / "target",
            HOME=tmp_path / "home",
        )
    )
    assert "is your home folder" in said
    assert everything(tmp_path) == before


@pytest.mark.parametrize("name", ["consistency", "achievement", "compare", "run", "rerun"])
def test_results_never_hold_what_they_are_made_of(name, tables, example, tmp_path):
    "Also where it is the only file, and where the folder is named through a link."
    data = shutil.copytree(tables, tmp_path / "data")
    (tmp_path / "alias").symlink_to(tmp_path)
    before = everything(tmp_path)
    said = refusal(command(*commands(data, example)[name], "--out", tmp_path / "alias" / "data"))
    assert "is to be read" in said and everything(tmp_path) == before


def test_reports_fits_and_kept_fits_lie_apart(tables, fitted, tmp_path):
    fit = shutil.copytree(fitted, tmp_path / "fits" / "consistency")
    before = everything(tmp_path)
    for out in (tmp_path / "fits", fit, fit / "report"):
        refusal(command("report", "--consistency", fit, "--out", out))
    run = ("run", "--scores", tables / "scores.csv", *SMALL)
    for kept, out in (("site/fits", "site"), ("site", "site"), ("keep", "keep/site")):
        assert "inside the other" in refusal(
            command(*run, "--out", tmp_path / out, "--keep-fits", tmp_path / kept)
        )
    users_folder(tmp_path / "keep" / "consistency")
    before = everything(tmp_path)
    assert "consistency: holds index.html, which" in refusal(
        command(*run, "--out", tmp_path / "site", "--keep-fits", tmp_path / "keep")
    )
    assert everything(tmp_path) == before


def test_nothing_is_put_inside_a_report(example, tables, tmp_path):
    "What lies in a report is sent on with it: fits hold what a policy withholds."
    report = tmp_path / "published"
    assert command(*report_of(example), "--out", report).returncode == 0
    before = everything(tmp_path)
    run = ("run", "--scores", tables / "scores.csv", *SMALL)
    for args in (
        (*run, "--out", tmp_path / "site", "--keep-fits", report),
        (*run, "--out", tmp_path / "site", "--keep-fits", report / "data" / "fits"),
        (*report_of(example), "--out", report / "districts"),
        ("consistency", tables / "scores.csv", *SMALL, "--out", report / "fit"),
    ):
        assert "published, which holds results" in refusal(command(*args))
    assert everything(tmp_path) == before


def test_folders_of_the_first_version_are_told(example, fitted, tmp_path):
    """A report's list had no checksums, a fit had no list.

    They are recognised, and the line says how to replace them.
    """
    report, fit = tmp_path / "report", shutil.copytree(fitted, tmp_path / "fit")
    assert command(*report_of(example), "--out", report).returncode == 0
    names = sorted(p.name for p in report.iterdir() if p.name != ".schoolvar.json")
    (report / ".schoolvar.json").write_text(json.dumps({"entries": names}))
    (fit / ".schoolvar.json").unlink()
    before = everything(tmp_path)
    for out, run in (
        (report, report_of(example)),
        (fit, ("rerun", "achievement", "--data", __file__)),
    ):
        said = refusal(command(*run, "--out", out))
        assert (
            "written by an earlier schoolvar" in said
            and "delete it yourself, or name another folder" in said
        )
    assert everything(tmp_path) == before


@pytest.mark.parametrize("mounted", [False, True])
def test_what_comes_while_the_command_runs_stays(mounted, tmp_path, monkeypatch):
    """A file of the user's that appears, or is edited, between the first look and the last.

    Nothing is replaced.
    """
    from schoolvar.core.files import FolderError
    from schoolvar.core.results import staged

    out = tmp_path / "out"
    out.mkdir()
    if mounted:
        monkeypatch.setattr(os.path, "ismount", lambda p: Path(p) == out)
    with staged(out) as new:
        (new / "a.html").write_text("a")
    for appears in (
        lambda: (out / "notes.txt").write_text("mine"),
        lambda: (out / "a.html").write_text("my words"),
    ):
        before = everything(out)
        with pytest.raises(FolderError, match="the new results were not kept"):
            with staged(out) as new:
                (new / "b.html").write_text("b")
                appears()
        changed = everything(out)
        assert (
            "b.html" not in changed
            and set(changed) >= set(before)
            and os.listdir(tmp_path) == ["out"]
        )
        shutil.rmtree(out)
        out.mkdir()
        with staged(out) as new:
            (new / "a.html").write_text("a")


def renaming(fatal, end):
    "os.rename that ends otherwise when it is called for the n-th time."
    rename, calls = os.rename, itertools.count(1)

    def renamed(*args):
        if next(calls) == fatal:
            end()
        return rename(*args)

    return renamed


def test_a_mount_point_is_replaced_entry_by_entry(tmp_path, monkeypatch):
    """It cannot be renamed.

    Whatever entry fails, the earlier results are back; a kill is mended by the next run.
    """
    from schoolvar.core.results import staged

    out = tmp_path / "out"
    out.mkdir()
    (out / "lost+found").mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda p: Path(p) == out)

    def fill(new, text):
        for name in ("a/b.html", "c.html", "d/e.html"):
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_text(text)

    with staged(out) as new:
        fill(new, "first")
    before = everything(out)

    def fail():
        raise OSError(5, "Input/output error")

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    for fatal in range(1, 9):
        with mock.patch("os.rename", renaming(fatal, fail)), pytest.raises(OSError):
            with staged(out) as new:
                fill(new, "second")
        assert everything(out) == before, fatal
    for fatal in range(1, 9):
        if not (child := os.fork()):
            with mock.patch("os.rename", renaming(fatal, die)), staged(out) as new:
                fill(new, "second")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        with pytest.raises(ZeroDivisionError), staged(out):
            raise ZeroDivisionError
        assert everything(out) == before, fatal
    with staged(out) as new:
        fill(new, "second")
    assert (out / "c.html").read_text() == "second" and (out / "lost+found").is_dir()


# ---- whose eyes


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_fits_and_the_cache_are_private_and_reports_follow_the_umask(umask, tables, tmp_path):
    def mode(p):
        return stat.S_IMODE(p.stat().st_mode)

    made = command(
        "run",
        "--scores",
        tables / "scores.csv",
        *SMALL,
        "--workers",
        1,
        "--out",
        tmp_path / "site",
        "--keep-fits",
        tmp_path / "kept",
        umask=umask,
        SCHOOLVAR_CACHE=tmp_path / "cache",
    )
    assert made.returncode in (0, 3), made.stderr
    fit = command(
        "consistency",
        tables / "scores.csv",
        *SMALL,
        "--out",
        tmp_path / "fit",
        umask=umask,
        SCHOOLVAR_CACHE=tmp_path / "cache",
    )
    assert fit.returncode in (0, 3), fit.stderr
    for place in ("kept", "fit", "cache"):
        found = [tmp_path / place, *(tmp_path / place).rglob("*")]
        assert len(found) > 5 and {mode(p) for p in found if p.is_dir()} == {0o700}, place
        assert {mode(p) for p in found if p.is_file()} == {0o600}, [
            p for p in found if p.is_file() and mode(p) != 0o600
        ]
    site = [tmp_path / "site", *(tmp_path / "site").rglob("*")]
    assert {mode(p) for p in site if p.is_dir()} == {0o777 & ~umask} and {
        mode(p) for p in site if p.is_file()
    } == {0o666 & ~umask}


@pytest.mark.parametrize(
    "what", ["dangles", "is a file", "has a file for its locks", "has a pipe for an entry"]
)
def test_a_cache_that_is_no_use_costs_time_and_a_line(what, tables, example, tmp_path):
    place = tmp_path / "cache"
    if what == "dangles":
        place.symlink_to(tmp_path / "nowhere")
    if what == "is a file":
        place.write_text("mine")
    if what == "has a file for its locks":
        place.mkdir()
        (place / "locks").write_text("mine")
    if what == "has a pipe for an entry":
        assert command(
            "consistency",
            tables / "scores.csv",
            *SMALL,
            "--out",
            tmp_path / "first",
            SCHOOLVAR_CACHE=place,
        ).returncode in (0, 3)
        spoilt = list(place.rglob("*.nc"))
        for entry in spoilt:
            entry.unlink()
            os.mkfifo(entry)
    made = command(
        "run",
        "--scores",
        tables / "scores.csv",
        *SMALL,
        "--workers",
        1,
        "--out",
        tmp_path / "site",
        SCHOOLVAR_CACHE=place,
    )
    assert made.returncode in (0, 3) and (tmp_path / "site" / "index.html").exists(), made.stderr
    warnings = [
        line
        for line in made.stderr.splitlines()
        if line.startswith("working without a cache: ") or "is damaged" in line
    ]
    # a line for each entry that is made anew
    expected = len(spoilt) if what == "has a pipe for an entry" else 1
    assert len(warnings) == expected and "Traceback" not in made.stderr, made.stderr


# ---- folders of fits that came from somebody else


def _cut(fit):
    (fit / "schools.csv").write_text(
        "\n".join((fit / "schools.csv").read_text().splitlines()[:-1]) + "\n"
    )


def _edited(fit):
    (fit / "schools.csv").write_text((fit / "schools.csv").read_text().replace("s01", "s99"))


def _draws_cut(fit):
    (fit / "fit.nc").write_bytes((fit / "fit.nc").read_bytes()[:500])


def _bad_json(fit):
    (fit / "manifest.json").write_text("{")


def _deep(fit):
    (fit / "manifest.json").write_text("[" * 200_000)


def _a_list(fit):
    (fit / "manifest.json").write_text("[1]")


def _a_pipe(fit):
    (fit / "manifest.json").unlink()
    os.mkfifo(fit / "manifest.json")


def _a_folder(fit):
    (fit / "manifest.json").unlink()
    (fit / "manifest.json").mkdir()


def _endless(fit):
    (fit / "manifest.json").unlink()
    (fit / "manifest.json").symlink_to("/dev/zero")


def _table_endless(fit):
    (fit / "schools.csv").unlink()
    (fit / "schools.csv").symlink_to("/dev/zero")


def _table_a_pipe(fit):
    (fit / "schools.csv").unlink()
    os.mkfifo(fit / "schools.csv")


def _huge(fit):
    os.truncate(fit / "schools.csv", 1 << 40)


def _a_loop(fit):
    (fit / "manifest.json").unlink()
    (fit / "manifest.json").symlink_to("manifest.json")


def _better_manifest(fit):
    manifest = json.loads((fit / "manifest.json").read_text())
    manifest["diagnostics"] = {"ok": True, "verdict": "All is well."}
    (fit / "manifest.json").write_text(json.dumps(manifest))


def _gone(fit):
    (fit / "parameters.csv").unlink()


def _listing(fit, **changes):
    manifest = json.loads((fit / "manifest.json").read_text())
    manifest["files"] |= changes
    (fit / "manifest.json").write_text(json.dumps(manifest))
    relist(fit)


def _traversal(fit):
    _listing(fit, **{"../../secret": "0" * 64})


def _absolute(fit):
    _listing(fit, **{"/etc/passwd": "0" * 64})


def _listed_elsewhere(fit):
    (fit.parent / "secret.csv").write_text("mine")
    _listing(fit, **{"../secret.csv": checksum(fit.parent / "secret.csv")})


def _sealed_without_columns(fit):
    pd.read_csv(fit / "schools.csv").drop(columns=["sd_lower", "mean_lower"]).to_csv(
        fit / "schools.csv", index=False
    )
    reseal(fit)


def _sealed_nonsense(fit):
    (fit / "schools.csv").write_bytes(bytes(range(256)))
    reseal(fit)


def _sealed_words(fit):
    f = pd.read_csv(fit / "schools.csv").astype(object)
    f["mean"] = "many"
    f.to_csv(fit / "schools.csv", index=False)
    reseal(fit)


def _parts_missing(fit):
    manifest = json.loads((fit / "manifest.json").read_text())
    keep = {k: manifest[k] for k in ("model", "files", "columns")} | {
        "diagnostics": "fine",
        "source": 7,
        "settings": [1],
    }
    (fit / "manifest.json").write_text(json.dumps(keep))
    relist(fit)


HOSTILE = [
    _cut,
    _edited,
    _better_manifest,
    _draws_cut,
    _bad_json,
    _deep,
    _a_list,
    _a_pipe,
    _a_folder,
    _endless,
    _table_endless,
    _table_a_pipe,
    _huge,
    _a_loop,
    _gone,
    _traversal,
    _absolute,
    _listed_elsewhere,
    _sealed_without_columns,
    _sealed_nonsense,
    _sealed_words,
    _parts_missing,
]


@pytest.mark.parametrize("attack", HOSTILE, ids=lambda a: a.__name__.strip("_"))
def test_a_fit_that_was_cut_edited_or_made_to_harm_is_one_line(attack, fitted, tmp_path, places):
    from schoolvar.sampling.fit import FitError, load_fit

    fit = shutil.copytree(fitted, tmp_path / "fit")
    attack(fit)
    status, said, _ = forked(
        tmp_path,
        "report",
        "--consistency",
        fit,
        "--workers",
        1,
        "--formats",
        "",
        "--out",
        tmp_path / "out",
        seconds=30,
    )
    lines = said.strip().splitlines()
    assert (
        status == 2
        and len(lines) == 1
        and lines[0].startswith("schoolvar: ")
        and str(fit) in lines[0]
    ), said
    assert not (tmp_path / "out").exists() and everything(places) == {}
    # tables of their own are loaded as they are
    if attack not in (_sealed_without_columns, _sealed_words, _parts_missing):
        with pytest.raises(FitError):
            load_fit(fit)


def test_the_fit_itself_is_reported(fitted, tmp_path):
    "Else the test above could not fail."
    assert forked(
        tmp_path,
        "report",
        "--consistency",
        fitted,
        "--workers",
        1,
        "--formats",
        "",
        "--out",
        tmp_path / "out",
    )[0] in (0, 3)


def _without_seal(fit):
    manifest = json.loads((fit / "manifest.json").read_text())
    del manifest["seal"]
    (fit / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("change", [None, _better_manifest, _without_seal])
def test_a_copy_without_its_hidden_list(change, fitted, tmp_path):
    "As `cp -r FIT/* COPY` makes it: good as it is, refused where it was edited, doubted without a seal."
    hidden = shutil.ignore_patterns(".*")
    fit = shutil.copytree(fitted, tmp_path / "fit", ignore=hidden)
    if change:
        change(fit)
    how = ("--workers", 1, "--formats", "", "--out", tmp_path / "out")
    ended = command("report", "--consistency", fit, *how)
    status, said = ended.returncode, ended.stderr
    if change is _better_manifest:
        assert status == 2 and len(said.splitlines()) == 1, said
        assert "manifest.json was changed" in said and not (tmp_path / "out").exists()
    else:
        assert status in (0, 3), said
        assert said.count("has lost its list") == (change is _without_seal), said


def test_an_entry_of_another_fit_with_a_right_seal_is_made_again(tables, tmp_path):
    "Whoever can write the cache can put a whole, sealed, wrong fit under a name."

    def fit(seed, out):
        return command(
            "consistency",
            tables / "scores.csv",
            *SMALL,
            "--seed",
            seed,
            "--out",
            tmp_path / out,
            SCHOOLVAR_CACHE=tmp_path / f"cache-{seed}",
        )

    assert fit(1, "one").returncode in (0, 3) and fit(2, "two").returncode in (0, 3)
    for mine, theirs in zip(
        sorted((tmp_path / "cache-1").rglob("*.nc")),
        sorted((tmp_path / "cache-2").rglob("*.nc")),
        strict=True,
    ):
        shutil.copy(theirs, mine)
        shutil.copy(theirs.with_suffix(".sha256"), mine.with_suffix(".sha256"))
    again = fit(1, "again")
    assert again.returncode in (0, 3) and "that of another fit" in again.stderr
    assert (tmp_path / "again" / "schools.csv").read_bytes() == (
        tmp_path / "one" / "schools.csv"
    ).read_bytes()
