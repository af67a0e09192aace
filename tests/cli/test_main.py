"The command as users meet it: statuses, one line for an error, nothing half written."

import json
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from schoolvar import __version__
from schoolvar.cli.main import main
from schoolvar.report.example import example_fits

COMMAND = [sys.executable, "-c", "from schoolvar.cli.main import main; main()"]


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("CI", "true")


def run(*args, capsys=None):
    "Status and standard error of a command, run here."
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in args])
    return end.value.code or 0, capsys.readouterr().err if capsys else ""


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    return example_fits(tmp_path_factory.mktemp("fits"))


@pytest.fixture
def scores(tmp_path):
    rng = np.random.default_rng(1)
    school = np.repeat(np.arange(24), 40)
    path = tmp_path / "scores.csv"
    pd.DataFrame(
        dict(
            school_id=[f"{s:03d}" for s in school],
            district=[f"D{s // 6}" for s in school],
            maths=rng.normal(size=len(school)) * np.where(school == 3, 0.4, 1).round(4),
        )
    ).to_csv(path, index=False)
    return path


def counts_frame():
    return pd.DataFrame(
        [
            (f"s{j:02d}", f"d{j % 3}", year, 3, subject, 40, 18 + (j * 7 + year) % 9)
            for j in range(15)
            for year in (2021, 2022)
            for subject in "RM"
        ],
        columns=["school_id", "district_id", "year", "grade", "subject", "n_trials", "y_success"],
    )


def test_help_answers_at_once():
    "Nothing heavy is imported for help; the best of five, for this machine may be busy."
    took = []
    for _ in range(5):
        start = time.perf_counter()
        r = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True)
        took.append(time.perf_counter() - start)
    assert r.returncode == 0 and min(took) < 0.5, took
    heavy = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import schoolvar.cli.main, sys; print([m for m in ('pandas', 'numpy', "
                "'arviz', 'altair', 'dask', 'papermill') if m in sys.modules])"
            ),
        ],
        capture_output=True,
        text=True,
    )
    assert heavy.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command",
    ["consistency", "achievement", "compare", "value-added", "report", "run", "rerun", "doctor"],
)
def test_every_command_explains_itself(command, capsys):
    assert run(command, "--help")[0] == 0


def test_every_command_has_an_example():
    for command in (
        "consistency",
        "achievement",
        "compare",
        "value-added",
        "report",
        "run",
        "rerun",
    ):
        r = subprocess.run([*COMMAND, command, "--help"], capture_output=True, text=True)
        assert "Example" in r.stdout and f"schoolvar {command}" in r.stdout


def test_version_and_completion(capsys):
    assert (
        subprocess.run([*COMMAND, "--version"], capture_output=True, text=True).stdout
        == f"schoolvar {__version__}\n"
    )
    shown = subprocess.run(
        [*COMMAND, "--show-completion", "bash"],
        capture_output=True,
        text=True,
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )
    assert "complete" in shown.stdout


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["nonsense"],
        ["consistency"],
        ["consistency", "x.csv"],
        ["achievement", "x.csv", "--model", "M9", "--out", "o"],
        ["achievement", "x.csv", "--years", "soon", "--out", "o"],
        ["compare", "x.csv", "--models", "M1", "--out", "o"],
        ["value-added", "x.csv", "--from-grade", "6", "--to-grade", "3", "--out", "o"],
        ["report", "--out", "o"],
        ["consistency", "x.csv", "--prior-inclusion", "2", "--out", "o"],
        ["achievement", "x.csv", "--column", "n_trials", "--out", "o"],
        ["report", "--out", "o", "--achievement", "nowhere"],
        ["consistency", "x.csv", "--out", "o"],
        ["run", "--out", "o", "--keep-fits", "o/fits"],
        ["run", "--out", "o", "--keep-fits", "o"],
    ],
    ids=lambda a: " ".join(a) or "nothing",
)
def test_wrong_usage_is_one_line_and_status_2(args, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, error = run(*args, capsys=capsys)
    assert status == 2 and not list(tmp_path.iterdir())
    if args:
        assert len(error.strip().splitlines()) == 1 and error.startswith("schoolvar")


BROKEN = {
    "more successes than students": ("y_success", 99),
    "negative": ("y_success", -1),
    "fraction": ("y_success", 2.5),
    "text": ("n_trials", "forty"),
    "no id": ("school_id", ""),
    "none": ("n_trials", 0),
    "infinite": ("n_trials", "inf"),
    "huge": ("n_trials", 10**12),
}


@pytest.mark.parametrize(
    "name", [*BROKEN, "duplicate", "no column", "empty", "one school", "binary"]
)
def test_broken_counts(name, tmp_path, capsys):
    frame, path = counts_frame().astype(object), tmp_path / "counts.csv"
    if name in BROKEN:
        frame.loc[3, BROKEN[name][0]] = BROKEN[name][1]
    if name == "duplicate":
        frame = pd.concat([frame, frame[:1]])
    if name == "no column":
        frame = frame.drop(columns="n_trials")
    if name == "empty":
        frame = frame[:0]
    if name == "one school":
        frame = frame[frame.school_id == "s00"]
    frame.to_csv(path, index=False)
    if name == "binary":
        path.write_bytes(bytes(range(256)) * 20)
    status, error = run("achievement", path, "--out", tmp_path / "out", capsys=capsys)
    assert status == 2 and len(error.strip().splitlines()) == 1 and "counts.csv" in error, error
    assert not (tmp_path / "out").exists() and [p.name for p in tmp_path.iterdir()] == [
        "counts.csv"
    ]


def test_a_fit_from_file_to_folder(scores, tmp_path, capsys):
    out = tmp_path / "deep" / "fit"
    status, said = run(
        "consistency",
        scores,
        "--score",
        "maths",
        "--district",
        "district",
        "--out",
        out,
        capsys=capsys,
    )
    assert status in (0, 3) and "24 schools" in said
    schools = pd.read_csv(out / "schools.csv", dtype={"school": "str"})
    assert schools.school.iloc[0] == "000" and {
        "pip",
        "verdict",
        "direction",
        "bayes_factor",
    } <= set(schools)
    manifest = json.loads((out / "manifest.json").read_text())
    assert {"read", "compile", "sampling", "total"} <= set(manifest["timings"])


def test_failed_diagnostics_are_written_and_status_3(scores, tmp_path, monkeypatch, capsys):
    import schoolvar.sampling.fit

    monkeypatch.setattr(schoolvar.sampling.fit.Fit, "ok", property(lambda self: False))
    assert (
        run("consistency", scores, "--score", "maths", "--out", tmp_path / "fit", capsys=capsys)[0]
        == 3
    )
    assert (tmp_path / "fit" / "schools.csv").exists()


def everything(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_earlier_results_stay_when_a_run_fails(fits, tmp_path, monkeypatch, capsys):
    "Reports and a fit: wrong input, and a failure while they are written."
    import schoolvar.sampling.fit
    from schoolvar.report import build as reports

    out, again = (
        tmp_path / "out",
        (
            "report",
            "--achievement",
            fits["achievement"],
            "--formats",
            "",
            "--workers",
            1,
            "--district",
            "SIM01",
        ),
    )
    assert run(*again, "--out", out, capsys=capsys)[0] == 0
    before = everything(out)
    status, error = run("report", "--achievement", fits["consistency"], "--out", out, capsys=capsys)
    assert status == 2 and "looks like a fit of consistency" in error and everything(out) == before

    def full(*a, **k):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as m:
        # when every page was made
        m.setattr(reports, "_finish", full)
        status, error = run(*again, "--district", "SIM02", "--out", out, capsys=capsys)
    assert status == 2 and "disk is full" in error and everything(out) == before

    fit, counts = tmp_path / "fit", tmp_path / "counts.csv"
    counts_frame().to_csv(counts, index=False)
    again = ("achievement", counts, "--model", "M1", "--draws", 50, "--out", fit)
    assert run(*again, capsys=capsys)[0] in (0, 3)
    before = everything(fit)
    with monkeypatch.context() as m:
        # when its tables were written
        m.setattr(schoolvar.sampling.fit, "save_draws", full)
        status, error = run(*again, capsys=capsys)
    assert status == 2 and "disk is full" in error and everything(fit) == before
    counts_frame().assign(y_success=99).to_csv(counts, index=False)
    assert run(*again, capsys=capsys)[0] == 2 and everything(fit) == before
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith(".")) == [
        "counts.csv",
        "fit",
        "out",
    ]


@pytest.mark.skipif(
    os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0),
    reason="root writes everywhere",
)
def test_a_folder_that_cannot_be_written(scores, tmp_path, capsys):
    (tmp_path / "closed").mkdir(mode=0o500)
    status, error = run(
        "consistency",
        scores,
        "--score",
        "maths",
        "--out",
        tmp_path / "closed" / "out",
        capsys=capsys,
    )
    assert status == 2 and "no permission" in error


def test_out_is_a_file(scores, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    status, error = run(
        "consistency", scores, "--score", "maths", "--out", tmp_path / "out", capsys=capsys
    )
    assert status == 2 and "is a file" in error and (tmp_path / "out").read_text() == "mine"


def test_formulas_cannot_run_code(scores, tmp_path, capsys):
    status, error = run(
        "consistency",
        scores,
        "--score",
        "maths",
        "--location",
        f"__import__('os').system('touch {tmp_path}/pwned')",
        "--out",
        tmp_path / "out",
        capsys=capsys,
    )
    assert (
        status == 2 and len(error.strip().splitlines()) == 1 and not (tmp_path / "pwned").exists()
    )


def latin(path):
    "Counts as Excel on Windows saves them."
    frame = counts_frame().assign(school_name="École")
    frame.to_csv(path, index=False, encoding="cp1252")
    return path


def test_encoding_that_the_error_names_is_an_option(tmp_path, capsys):
    path = latin(tmp_path / "latin.csv")
    status, err = run(
        "achievement", path, "--model", "M1", "--draws", 50, "--out", tmp_path / "o", capsys=capsys
    )
    assert status == 2 and "--encoding cp1252" in err and not (tmp_path / "o").exists()
    status, err = run(
        "achievement",
        path,
        "--model",
        "M1",
        "--draws",
        50,
        "--encoding",
        "cp1252",
        "--out",
        tmp_path / "o",
        capsys=capsys,
    )
    assert status in (0, 3), err
    assert pd.read_csv(tmp_path / "o" / "schools.csv").school_name.eq("École").all()
    for command in ("compare", "value-added"):
        assert "--encoding cp1252" in run(command, path, "--out", tmp_path / "p", capsys=capsys)[1]


def test_a_sheet_of_a_workbook(tmp_path, capsys):
    with pd.ExcelWriter(tmp_path / "counts.xlsx") as book:
        pd.DataFrame(dict(note=["see the next sheet"])).to_excel(
            book, sheet_name="Cover", index=False
        )
        counts_frame().assign(grade=6).to_excel(book, sheet_name="Grade 6", index=False)
        counts_frame().to_excel(book, sheet_name="Grade 3", index=False)
    status, err = run(
        "achievement",
        tmp_path / "counts.xlsx",
        "--sheet",
        "Grade 3",
        "--model",
        "M1",
        "--draws",
        50,
        "--out",
        tmp_path / "o",
        capsys=capsys,
    )
    assert status in (0, 3), err
    assert json.loads((tmp_path / "o" / "manifest.json").read_text())["settings"]["grade"] == 3
    assert (
        "Grade 9"
        in run(
            "achievement",
            tmp_path / "counts.xlsx",
            "--sheet",
            "Grade 9",
            "--out",
            tmp_path / "p",
            capsys=capsys,
        )[1]
    )


def test_a_file_a_year(tmp_path, capsys):
    frame = counts_frame()
    for year, part in frame.groupby("year"):
        part.to_csv(tmp_path / f"{year}.csv", index=False)
    status, err = run(
        "achievement",
        tmp_path / "2021.csv",
        tmp_path / "2022.csv",
        "--model",
        "M1",
        "--draws",
        50,
        "--out",
        tmp_path / "o",
        capsys=capsys,
    )
    assert status in (0, 3), err
    assert pd.read_csv(tmp_path / "o" / "schools.csv").n_trials.sum() == frame.n_trials.sum()
    assert (
        run(
            "achievement",
            tmp_path / "2021.csv",
            tmp_path / "2021.csv",
            "--out",
            tmp_path / "p",
            capsys=capsys,
        )[0]
        == 2
    ), "the same rows twice are an error"


def test_covariates_and_their_formula(tmp_path, capsys):
    frame = counts_frame()
    frame.to_csv(tmp_path / "counts.csv", index=False)
    ids = sorted(frame.school_id.unique())
    pd.DataFrame(
        dict(school_id=ids, ses=np.arange(len(ids)) * 0.1, kind=["a", "b", "c"] * 5)
    ).to_csv(tmp_path / "schools.csv", index=False)
    status, err = run(
        "achievement",
        tmp_path / "counts.csv",
        "--model",
        "M2",
        "--draws",
        50,
        "--covariates",
        tmp_path / "schools.csv",
        "--formula",
        "ses + C(kind)",
        "--out",
        tmp_path / "o",
        capsys=capsys,
    )
    assert status in (0, 3), err
    names = set(pd.read_csv(tmp_path / "o" / "parameters.csv").parameter)
    assert "slope[ses]" in names and len([n for n in names if n.startswith("slope[")]) == 3
    for args, said in (
        (["--formula", "ses"], "--covariates"),
        (["--covariates", tmp_path / "schools.csv", "--formula", "income"], "income"),
        (["--covariates", tmp_path / "none.csv"], "none.csv"),
    ):
        status, err = run(
            "achievement", tmp_path / "counts.csv", *args, "--out", tmp_path / "p", capsys=capsys
        )
        assert (
            status == 2
            and said in err
            and sum(line.startswith("schoolvar:") for line in err.splitlines()) == 1
            and not (tmp_path / "p").exists()
        )


@pytest.mark.parametrize(
    "model, extra, sd",
    [("M2", "district", "sd_district"), ("M3", "row", "sd_row"), ("M3", "betabinomial", "rho")],
)
def test_extra_variation(tmp_path, capsys, model, extra, sd):
    counts_frame().to_csv(tmp_path / "counts.csv", index=False)
    status, err = run(
        "achievement",
        tmp_path / "counts.csv",
        "--model",
        model,
        "--extra",
        extra,
        "--draws",
        30,
        "--out",
        tmp_path / "o",
        capsys=capsys,
    )
    assert status in (0, 3), err
    assert sd in set(pd.read_csv(tmp_path / "o" / "parameters.csv").parameter)
    assert (
        "M1 has no extension"
        in run(
            "achievement",
            tmp_path / "counts.csv",
            "--model",
            "M1",
            "--extra",
            "row",
            "--out",
            tmp_path / "p",
            capsys=capsys,
        )[1]
    )


def test_learned_share_and_chosen_effects(scores, tmp_path, capsys, monkeypatch):
    status, err = run(
        "consistency",
        scores,
        "--score",
        "maths",
        "--prior-inclusion",
        "learn",
        "--expected-unusual",
        2,
        "--draws",
        50,
        "--out",
        tmp_path / "o",
        capsys=capsys,
    )
    assert status in (0, 3), err
    assert (
        json.loads((tmp_path / "o" / "manifest.json").read_text())["settings"]["expected_unusual"]
        == 2
    )
    asked = {}

    # the fit itself is tested with its model, and takes minutes
    def fit(table, **settings):
        asked.update(settings, students=table.students)
        raise ValueError("enough")

    with monkeypatch.context() as m:
        m.setattr("schoolvar.consistency.fit.fit_consistency", fit)
        with pytest.raises(ValueError, match="enough"):
            main(
                [
                    "consistency",
                    str(scores),
                    "--score",
                    "maths",
                    "--select",
                    "location_intercept",
                    "--select",
                    "scale_intercept",
                    "--out",
                    str(tmp_path / "s"),
                ]
            )
    assert (
        asked["select"] == ("location_intercept", "scale_intercept")
        and len(asked["students"]) == 24 * 40
    )
    for args, said in (
        (["--expected-unusual", "2"], "--prior-inclusion learn"),
        (["--select", "slope"], "no effect of schools is called 'slope'"),
    ):
        status, err = run(
            "consistency", scores, "--score", "maths", *args, "--out", tmp_path / "p", capsys=capsys
        )
        assert status == 2 and said in err and not (tmp_path / "p").exists()


def test_doctor_ends_with_what_it_found(monkeypatch, capsys):
    from schoolvar.cli import doctor

    with pytest.raises(SystemExit) as end:
        main(["doctor"])
    assert (end.value.code or 0) == 0, capsys.readouterr().out
    monkeypatch.setattr(
        doctor,
        "report",
        lambda: doctor.Report(
            [doctor.Finding("stanli", "missing", "not installed", "pip install stanli")]
        ),
    )
    with pytest.raises(SystemExit) as end:
        main(["doctor"])
    assert end.value.code == 1 and "pip install stanli" in capsys.readouterr().out


def test_rerun_takes_a_policy(tmp_path, capsys, monkeypatch):
    asked = {}

    def again(study, data, out, **settings):
        asked.update(settings)
        raise ValueError("enough")

    monkeypatch.setattr("schoolvar.cli.rerun.rerun", again)
    for args, rules in (
        ([], None),
        (["--policy", "eqao"], ("eqao", 15)),
        (["--min-n", "12"], ("custom", 12)),
    ):
        with pytest.raises(ValueError, match="enough"):
            main(["rerun", "achievement", "--data", "x.csv", *args, "--out", str(tmp_path / "o")])
        assert (asked["policy"] and (asked["policy"].name, asked["policy"].min_n)) == rules
    assert (
        run(
            "rerun",
            "achievement",
            "--data",
            "x.csv",
            "--policy",
            "soon",
            "--out",
            tmp_path / "o",
            capsys=capsys,
        )[0]
        == 2
    )


def test_a_first_look_at_a_sample_of_schools(tmp_path, capsys):
    counts_frame().to_csv(tmp_path / "counts.csv", index=False)
    assert run(
        "achievement",
        tmp_path / "counts.csv",
        "--model",
        "M1",
        "--sample",
        10,
        "--out",
        tmp_path / "fit",
        capsys=capsys,
    )[0] in (0, 3)
    assert len(pd.read_csv(tmp_path / "fit" / "schools.csv")) == 10
    assert any(
        "stratified sample: 10 of 15" in n
        for n in json.loads((tmp_path / "fit" / "manifest.json").read_text())["notes"]
    )
    status, said = run(
        "achievement",
        tmp_path / "counts.csv",
        "--sample",
        99,
        "--out",
        tmp_path / "more",
        capsys=capsys,
    )
    assert status == 2 and "cannot be drawn from 15" in said and not (tmp_path / "more").exists()
