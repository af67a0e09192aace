"""What identifies data stays with the maker.

Attacks from outside, by the command line and on the files it wrote, in every format.
"""

import hashlib
import io
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from outside import reseal

from schoolvar.cli.main import main
from schoolvar.data.simulate import simulate_counts, simulate_scores
from schoolvar.report.disclosure import DisclosurePolicy
from schoolvar.report.publication import publish
from schoolvar.sampling.fit import load_fit

FORMATS = "xlsx,pdf,notebook"
# of the tree that these tests belong to
COMMAND = [sys.executable, "-c", "from schoolvar.cli.main import main; main()"]
ENV = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def command(*args):
    "The exit status of a command in this process."
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in args])
    return end.value.code


def province(seed, schools=24, small=4, years=(2022, 2023), subjects=("Math", "Reading"), size=4):
    "Counts in which some schools have four students a year: withheld under every policy."
    f = simulate_counts(schools, years=years, subjects=subjects, students=30, seed=seed).frame
    rng = np.random.default_rng(seed)
    few = f.school_id.isin(sorted(f.school_id.unique())[:small])
    f.loc[few, "n_trials"] = size
    f.loc[few, "y_success"] = rng.integers(1, size, few.sum())
    f["district_id"] = ["D1" if int(s[-1]) % 2 else "D2" for s in f.school_id]
    return f, few.to_numpy()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    "A release in every format, its kept fits, its input, and what the command said."
    folder = tmp_path_factory.mktemp("public")
    counts, few = province(3)
    counts.to_csv(folder / "counts.csv", index=False)
    scores = simulate_scores(24, students=(12, 40), seed=4).frame
    scores["school_id"] = sorted(counts.school_id.unique())[0][:-4] + scores.school_id.str[-4:]
    scores.to_csv(folder / "scores.csv", index=False)
    said = subprocess.run(
        [
            *COMMAND,
            "run",
            "--counts",
            "counts.csv",
            "--scores",
            "scores.csv",
            "--out",
            "out",
            "--keep-fits",
            "fits",
            "--formats",
            FORMATS,
            "--workers",
            "1",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env=ENV,
    )
    assert said.returncode in (0, 3), said.stderr
    return folder, said.stderr


def texts(folder):
    "What somebody could read in a folder, as text: workbooks, tables and papers with metadata too."
    for path in sorted(
        p
        for p in folder.rglob("*")
        if p.is_file() and p.name not in ("schoolvar-charts.js", ".schoolvar.json")
    ):
        name, data = str(path.relative_to(folder)), path.read_bytes()
        if path.suffix == ".xlsx":
            inside = zipfile.ZipFile(io.BytesIO(data))
            yield from (
                (f"{name}:{n}", inside.read(n).decode("utf-8", "replace"))
                for n in inside.namelist()
            )
        elif path.suffix == ".pdf":
            from pypdf import PdfReader

            reader = PdfReader(path)
            yield (
                name,
                "\n".join([*(page.extract_text() for page in reader.pages), str(reader.metadata)]),
            )
        elif path.suffix == ".parquet":
            import pyarrow.parquet as pq

            yield name, pd.read_parquet(path).to_csv() + str(pq.read_metadata(path).metadata)
        else:
            yield name, data.decode("utf-8", "replace")


# Hashes, seeds, draws


def identifying(folder):
    "What a fit's manifest says that would identify its data or its draws: name -> text."
    found = {}
    for kind in ("achievement", "consistency"):
        m = json.loads((folder / "fits" / kind / "manifest.json").read_text())
        run, sampler = m["run"], m["run"]["sampler"]
        found |= {
            f"{kind} data": m["source"]["sha256"],
            f"{kind} program data": run["data_sha256"],
            f"{kind} seed": str(run["seed"]),
            f"{kind} draws": f"{sampler['chains'] * sampler['draws']:,} draws",
            f"{kind} created": m["created"],
            f"{kind} sampling": f'"sampling": {m["timings"]["sampling"]}',
            f"{kind} adapt": f'"adapt_delta": {sampler["adapt_delta"]}',
        }
        found |= {f"{kind} {n}": sha for n, sha in m["files"].items()}
    return found


def test_nothing_that_identifies_data_or_draws_is_published(made):
    folder, _ = made
    wanted = identifying(folder)
    seen = [
        (where, name)
        for where, text in texts(folder / "out")
        for name, value in wanted.items()
        if value in text
    ]
    assert not seen, seen[:5]
    held = json.loads(next((folder / "fits").glob("release-*.json")).read_text())
    assert all(
        value in json.dumps(held, indent=1)
        for name, value in wanted.items()
        if name.endswith(("data", "seed"))
    ), "the maker's record has them"


def test_guesses_at_withheld_cells_cannot_be_tested_by_any_hash(made):
    "No hexadecimal or base-64 word of a file is a hash of the data: as it is, a file, a table, rows."
    folder, _ = made
    table = pd.read_csv(folder / "counts.csv", dtype={"school_id": "str"})
    kept = pd.read_csv(folder / "fits/achievement/counts.csv", dtype={"school": "str"})
    truths = [
        (folder / "counts.csv").read_bytes(),
        table.to_csv(index=False).encode(),
        kept.to_csv(index=False).encode(),
        json.dumps(table.to_dict("records")).encode(),
        *(
            folder / "fits" / "achievement" / n
            for n in ("counts.csv", "schools.csv", "parameters.csv", "variance.csv")
        ),
    ]
    digests = {
        getattr(hashlib, h)(t.read_bytes() if isinstance(t, Path) else t).hexdigest()[:16]
        for t in truths
        for h in ("sha256", "sha1", "md5", "sha512", "blake2b")
    }
    # of the published files themselves
    files = {
        hashlib.sha256(p.read_bytes()).hexdigest()
        for p in (folder / "out").rglob("*")
        if p.is_file()
    }
    for where, text in texts(folder / "out"):
        words = set(re.findall(r"\b[0-9a-f]{32,128}\b", text)) - files
        assert not {w[:16] for w in words} & digests, where
        if not where.endswith((".xlsx", ".pdf")) and "manifest.json" not in where:
            assert not {w for w in words if len(w) == 64}, f"{where}: {sorted(words)[:2]}"


def test_the_release_number_stands_in_every_format_and_its_record_is_private(made):
    folder, said = made
    number = json.loads((folder / "out/manifest.json").read_text())["release"]
    record = folder / "fits" / f"release-{number}.json"
    assert (
        stat.S_IMODE(record.stat().st_mode) == 0o600
        and f"release-{number}.json" in said.splitlines()[-1]
    )
    holding = {where.partition(":")[0] for where, text in texts(folder / "out") if number in text}
    suffixes = {Path(w).suffix for w in holding}
    assert suffixes >= {".html", ".xlsx", ".pdf", ".json"}, suffixes
    pages = [
        p for p in (folder / "out/districts").glob("*.html") if f"districts/{p.name}" not in holding
    ]
    assert not pages


def test_a_release_without_kept_fits_is_recorded_in_the_private_folder(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("SCHOOLVAR_STATE", str(tmp_path / "state"))
    before = os.umask(0)
    try:
        province(5)[0].to_csv(tmp_path / "c.csv", index=False)
        assert command(
            "run",
            "--counts",
            tmp_path / "c.csv",
            "--out",
            tmp_path / "out",
            "--workers",
            1,
            "--release",
            "spring",
        ) in (0, 3)
    finally:
        os.umask(before)
    record = tmp_path / "state/releases/release-spring.json"
    assert str(record) in capsys.readouterr().err.splitlines()[-1]
    assert {stat.S_IMODE(p.stat().st_mode) for p in (record, tmp_path / "state/key")} == {
        0o600
    } and {stat.S_IMODE(p.stat().st_mode) for p in (record.parent, tmp_path / "state")} == {0o700}
    assert json.loads((tmp_path / "out/manifest.json").read_text())["release"] == "spring"


def test_another_key_gives_another_number_and_other_draws_and_the_same_key_the_same(
    tmp_path, monkeypatch
):
    province(6)[0].to_csv(tmp_path / "c.csv", index=False)
    found = {}
    for name, key in (("a", "11"), ("b", "11"), ("c", "22")):
        monkeypatch.setenv("SCHOOLVAR_STATE", str(tmp_path / name))
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(key * 32)
        assert command(
            "run",
            "--counts",
            tmp_path / "c.csv",
            "--out",
            tmp_path / f"out-{name}",
            "--keep-fits",
            tmp_path / f"fits-{name}",
            "--workers",
            1,
            "--seed",
            1,
        ) in (0, 3)
        fit = load_fit(tmp_path / f"fits-{name}/achievement")
        found[name] = (
            json.loads((tmp_path / f"out-{name}/manifest.json").read_text())["release"],
            fit.manifest["run"]["seed"],
            float(fit.idata.posterior["school"].mean()),
        )
    assert found["a"] == found["b"] and not set(found["a"]) & set(found["c"])
    assert found["a"][1] > 10_000_000, "a seed that nobody tries"


# Columns

WITHHELD_COLUMNS = {
    "students",
    "bayes_factor",
    "mcse_mean",
    "y_success",
    "effect_sd",
    "shrinkage",
    "n_rows",
}


def test_no_table_has_a_column_that_is_not_shown_on_purpose(made):
    folder, _ = made
    for path in (folder / "out/data").glob("*.parquet"):
        t = pd.read_parquet(path)
        assert not WITHHELD_COLUMNS & set(t), path.name
        if "state" in t:
            numbers = [
                c
                for c in t.columns
                if pd.api.types.is_numeric_dtype(t[c]) and c not in ("year", "limit")
            ]
            assert t.loc[t.state != "", numbers].isna().all(axis=None), path.name
            assert (t.limit[t.state != ""] == 0).all() if "limit" in t else True, path.name


def test_the_limit_of_a_top_coded_school_says_nothing_of_its_students(made):
    "It is a rung of the ladder, and a function of what stands beside it."
    folder, _ = made
    from schoolvar.report.precision import LADDER

    t = pd.read_parquet(folder / "out/data/achievement.parquet")
    shown = t[t.state == ""]
    assert set(shown.bound.round(6)) <= set(LADDER) and len(shown)
    assert (shown.groupby("n_trials").bound.nunique() == 1).all(), (
        "two schools with the same number of results have the same limit"
    )


# Precision


def numbers_in(folder):
    return "\n".join(text for _, text in texts(folder))


def test_no_file_is_finer_than_the_steps(made):
    "In tables each number is a multiple of its step; nowhere do the fit's further digits appear."
    folder, _ = made
    facts = json.loads((folder / "out/data/facts.json").read_text())["facts"]
    for kind, steps in facts["steps"].items():
        t = pd.read_parquet(folder / f"out/data/{kind}.parquet")
        for c, step in steps.items():
            if c not in t:
                continue
            v = t[c].dropna().to_numpy(float)
            # drawn back to a limit, or to an end
            if kind == "achievement" and c.startswith(("estimate", "rank")):
                v = v[~np.isin(v, [0, 1, len(t), *t.bound.dropna(), *(1 - t.bound.dropna())])]
            assert np.allclose(v / step, np.round(v / step), atol=1e-6), (kind, c)
    everything = numbers_in(folder / "out")
    told, missing = [], 0
    for kind in ("achievement", "consistency"):
        fit = pd.read_csv(folder / f"fits/{kind}/schools.csv")
        columns = (
            ["estimate", "estimate_lower", "estimate_upper", "effect"]
            if kind == "achievement"
            else ["mean", "mean_lower", "mean_upper", "sd", "sd_lower", "sd_upper", "pip"]
        )
        for table, names in (
            (fit, columns),
            (pd.read_csv(folder / f"fits/{kind}/parameters.csv"), ["mean", "sd", "q2.5", "q97.5"]),
        ):
            for v in table[names].to_numpy(float).ravel():
                text = f"{abs(v):.6g}"
                if (
                    not np.isfinite(v)
                    or "e" in text
                    or len(text.replace("0.", "").replace(".", "")) < 6
                ):
                    continue
                missing += 1
                if re.search(rf"(?<![\d.]){re.escape(text[:-1])}", everything):
                    told.append((kind, text))
    assert missing > 100 and not told, told[:5]


# Refitting candidates

COLUMNS = ["estimate", "estimate_lower", "estimate_upper"]


def candidates(counts, few, rng, k):
    "The truth and others: successes moved between withheld cells, so that all published sums stay."
    found, seen = [counts], {tuple(counts.y_success)}
    while len(found) < k:
        other = counts.copy()
        for _, at in counts[few].groupby(["year", "subject", "district_id"]).groups.items():
            total = counts.y_success[at].sum()
            while (y := rng.integers(0, 5, len(at))).sum() != total:
                pass
            other.loc[at, "y_success"] = y
        if tuple(other.y_success) not in seen:
            found.append(other)
            seen.add(tuple(other.y_success))
    return found


def fitted(counts, seed, folder, protected):
    """All published numbers of a fit: as our command makes it (protected), or as version 0.1 did.

    That was with full digits of a fit of everything.
    """
    from schoolvar.achievement.fit import fit_achievement
    from schoolvar.cli.workflow import keep_counts
    from schoolvar.data.counts import read_counts
    from schoolvar.report.publishable import publishable, restored

    table, policy = read_counts(counts), DisclosurePolicy.named("us")
    found = publishable(table, None, policy, 3) if protected else None
    fit = fit_achievement(
        found.counts if found else table,
        model="M1",
        seed=seed,
        sampler=dict(draws=300, rounds=1, cache=False, progress=False),
    )
    keep_counts(restored(fit, "achievement", found) if found else fit, table)
    if not protected:
        few = set(counts.school_id[counts.n_trials < 5])
        return np.r_[
            fit.schools[~fit.schools.school.isin(few)][COLUMNS].to_numpy(float).ravel(),
            fit.parameters[["mean", "sd", "q2.5", "q97.5"]].to_numpy(float).ravel(),
        ]
    p = publish({"achievement": fit.save(folder / f"fit-{time.time_ns()}")}, policy)
    assert not p.warnings
    t = p.tables["achievement"]
    return np.r_[
        t[t.state == ""][[*COLUMNS, "rank_lower", "rank_upper"]].to_numpy(float).ravel(),
        *(
            p.tables[n].select_dtypes("number").to_numpy(float).ravel()
            for n in ("parameters_achievement", "variance")
        ),
    ]


def rank_of_truth(published, others):
    "Among all candidates, by squared distance; ties count half: knowing nothing is the middle."
    d = np.array([np.nansum((published - o) ** 2) for o in others])
    return 1 + (d[1:] < d[0] - 1e-15).sum() + 0.5 * (np.abs(d[1:] - d[0]) <= 1e-15).sum()


def test_refitting_candidates_does_not_find_the_truth(tmp_path, monkeypatch):
    """Twelve candidates for what is withheld, refitted by somebody who has all but the withheld cells.

    He has the seed too. As it was, with the digits and the fit of everything, the truth is found
    each time.
    """
    rng = np.random.default_rng(1)
    for repetition in range(3):
        counts, few = province(40 + repetition, schools=16, small=4, subjects=("Math",))
        every, secret = candidates(counts, few, rng, 12), int(rng.integers(10**8, 2 * 10**9))
        as_it_was = fitted(counts, secret, tmp_path, False)
        assert rank_of_truth(as_it_was, [fitted(c, secret, tmp_path, False) for c in every]) == 1, (
            "the attack works where there is something to find"
        )
        published = fitted(counts, secret, tmp_path, True)
        assert (
            rank_of_truth(published, [fitted(c, secret, tmp_path, True) for c in every]) == 6.5
        ), "all twelve give the same numbers"


def test_a_fit_of_everything_is_published_in_coarse_steps_and_told(tmp_path, capsys):
    counts, few = province(9, schools=30)
    counts.to_csv(tmp_path / "c.csv", index=False)
    steps = {}
    for name, more in (("all", []), ("shown", ["--policy", "us"])):
        assert command("achievement", tmp_path / "c.csv", "--out", tmp_path / name, *more) in (0, 3)
        capsys.readouterr()
        assert command(
            "report",
            "--achievement",
            tmp_path / name,
            "--out",
            tmp_path / f"out-{name}",
            "--formats",
            "notebook",
            "--workers",
            1,
        ) in (0, 3)
        said = capsys.readouterr().err
        assert ("made with results that the policy us withholds" in said) == (name == "all"), said
        steps[name] = json.loads((tmp_path / f"out-{name}/data/facts.json").read_text())["facts"][
            "steps"
        ]["achievement"]["estimate"]
    assert steps["all"] >= 4 * steps["shown"]


# Workers


def listening(process):
    "TCP sockets on which a process or one of its children listens."
    found = []
    for p in [process, *process.children(recursive=True)]:
        try:
            found += [
                (p.pid, c.laddr)
                for c in p.net_connections("inet")
                if c.status == psutil.CONN_LISTEN
            ]
        except psutil.Error:
            pass
    return found


def test_local_workers_open_no_port(made, tmp_path):
    "While two processes work, nothing listens that was not there before: no task can be handed in."
    folder, _ = made
    run = subprocess.Popen(
        [
            *COMMAND,
            "report",
            "--achievement",
            str(folder / "fits/achievement"),
            "--consistency",
            str(folder / "fits/consistency"),
            "--out",
            str(tmp_path / "out"),
            "--workers",
            "2",
            "--formats",
            FORMATS,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENV,
    )
    ports, most, deadline = [], 0, time.time() + 240
    me = psutil.Process(run.pid)
    while run.poll() is None and time.time() < deadline:
        try:
            most = max(most, len(me.children(recursive=True)))
            ports += listening(me)
        except psutil.Error:
            break
        time.sleep(0.03)
    said = run.communicate(timeout=60)
    assert run.returncode in (0, 3), said
    assert most >= 2, "workers were seen"
    assert not ports, ports


def test_the_watch_would_see_a_port():
    with socket.create_server(("127.0.0.1", 0)):
        assert listening(psutil.Process())


WORK = """
import os, sys, time
from pathlib import Path
from schoolvar.core.workers import each
def make(task, folder):
    (Path(folder)/f"{os.getpid()}").touch(); time.sleep(.3)
    return dict(status="ready", error="", files={}, seconds=0.)
if __name__ == "__main__":
    print(len([r for _, r in each(make, list(range(8)), sys.argv[1], workers=2) if r["status"] == "ready"]))
"""


def working(tmp_path):
    (tmp_path / "work.py").write_text(WORK)
    (tmp_path / "marks").mkdir()
    run = subprocess.Popen(
        [sys.executable, "work.py", "marks"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENV,
    )
    deadline = time.time() + 120
    while time.time() < deadline and len(list((tmp_path / "marks").iterdir())) < 2:
        time.sleep(0.02)
    return run, [int(p.name) for p in (tmp_path / "marks").iterdir()]


def test_a_worker_that_dies_loses_nothing(tmp_path):
    run, workers = working(tmp_path)
    os.kill(workers[0], signal.SIGKILL)
    said, err = run.communicate(timeout=120)
    assert said.strip() == "8" and not err


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name
)
def test_workers_go_with_the_process_that_started_them(tmp_path, how):
    run, workers = working(tmp_path)
    run.send_signal(how)
    _, err = run.communicate(timeout=60)
    deadline = time.time() + 10
    while time.time() < deadline and any(psutil.pid_exists(w) for w in workers):
        time.sleep(0.05)
    assert not [
        w
        for w in workers
        if psutil.pid_exists(w) and psutil.Process(w).status() != psutil.STATUS_ZOMBIE
    ]
    assert "SpawnProcess" not in err, "no traceback of a worker"


def test_a_scheduler_without_credentials_is_told_before_anything_is_sent(made, tmp_path, capsys):
    folder, _ = made
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    from schoolvar.core.workers import open_cluster

    assert (
        "whoever reaches this port can run code" in open_cluster(f"tcp://127.0.0.1:{port}")
        and open_cluster(f"tls://127.0.0.1:{port}") == ""
    )
    assert (
        command(
            "report",
            "--achievement",
            folder / "fits/achievement",
            "--out",
            tmp_path / "out",
            "--scheduler",
            f"tls://127.0.0.1:{port}",
        )
        == 2
    )
    said = capsys.readouterr().err.strip().splitlines()
    assert "distributed.comm.tls" in said[-1] and not (tmp_path / "out").exists()


# Text that does something

EVIL = [
    '=HYPERLINK("http://evil","x")',
    "+1+1",
    "-5",
    "@SUM(A1)",
    "\t=1",
    "'=1",
    "'",
    "O'Brien",
    "=cmd|' /C calc'!A0",
]


def test_cells_of_a_fit_s_csv_are_inert_and_come_back_as_they_were(tmp_path):
    counts, _ = province(11, schools=12, small=0)
    names = dict(zip(sorted(counts.school_id.unique()), EVIL, strict=False))
    counts["school_name"] = counts.school_id.map(names).fillna("plain")
    counts["district_id"] = ["=1+1" if d == "D1" else "-rf" for d in counts.district_id]
    from schoolvar.achievement.fit import fit_achievement
    from schoolvar.cli.workflow import keep_counts
    from schoolvar.data.counts import read_counts

    fit = fit_achievement(
        table := read_counts(counts),
        model="M1",
        sampler=dict(draws=100, rounds=1, progress=False),
    )
    keep_counts(fit, table).save(tmp_path / "fit")
    for path in (tmp_path / "fit").glob("*.csv"):
        raw = pd.read_csv(path, dtype="str", keep_default_na=False)
        text = [c for c in raw if not pd.to_numeric(raw[c], errors="coerce").notna().any()]
        bad = [(c, v) for c in text for v in raw[c] if v[:1] in tuple("=+-@\t\r") and v]
        assert not bad, (path.name, bad)
    again = load_fit(tmp_path / "fit").schools
    assert (
        again.school_name.tolist() == fit.schools.school_name.tolist()
        and again.district_id.tolist() == fit.schools.district_id.tolist()
    )
    p = publish({"achievement": tmp_path / "fit"}, DisclosurePolicy.named("none"))
    assert {"=1+1", "-rf"} == set(p.tables["achievement"].key)


def test_names_with_terminal_escapes_are_printed_inert(made, tmp_path, capsys):
    folder, _ = made
    fit = tmp_path / "fit"
    shutil.copytree(folder / "fits/achievement", fit)
    schools = pd.read_csv(fit / "schools.csv", dtype={"school": "str", "district_id": "str"})
    schools["district_id"] = "\x1b[31mred\x07\x9b2J" + schools.district_id
    schools.to_csv(fit / "schools.csv", index=False)
    reseal(fit)
    command(
        "report",
        "--achievement",
        fit,
        "--out",
        tmp_path / "out",
        "--district",
        "nobody\x1b[2J",
        "--workers",
        1,
    )
    command("report", "--achievement", tmp_path / "none\x1b]0;x\x07", "--out", tmp_path / "out")
    both = capsys.readouterr()
    assert (
        not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", both.out + both.err)
        and r"\x1b" in both.err
    )
