"""Speed, memory and weight in one tidy table: benchmarks/results.csv, with the machine and its load.

    make bench                       everything, some twenty minutes, most of them brms; with R's lme4 and brms, and bambi, where they are installed
    make bench ARGS='--quick'        smaller sizes
    make bench ARGS='--only help_seconds read'
    make bench ARGS='--long'         first the benchmarks with files of their own (consistency, achievement), on a quiet machine

Each row: benchmark, case, value, unit, peer (what a ratio is to, in the same run where nothing else is said), machine, load,
date. On a shared machine only ratios and counts are worth reading: the load at the time stands in every row. Figures of the
long benchmarks are collected from their own files, which say the load under which they were measured.

Peers: apt-get install r-cran-lme4 r-cran-brms r-cran-bh r-cran-rcppeigen r-cran-jsonlite; pip install bambi 'matplotlib<3.11'
(in any environment, named by SCHOOLVAR_BAMBI=its/bin/python; ArviZ 0.23, which it uses, does not load with a later matplotlib).
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks/results.csv"
COMMAND = [sys.executable, "-c", "from schoolvar.cli.main import main; main()"]


def seconds(call, times=3) -> float:
    "The least of several runs: what others do on the machine only ever adds."
    took = []
    for _ in range(times):
        clock = time.perf_counter()
        call()
        took.append(time.perf_counter() - clock)
    return min(took)


def help_seconds(quick):
    "Start of the command, beside an interpreter that does nothing."
    run = lambda *args: subprocess.run(args, capture_output=True, check=True)
    bare = seconds(lambda: run(sys.executable, "-c", ""), 5)
    took = seconds(lambda: run(*COMMAND, "--help"), 5)
    return [
        dict(case="schoolvar --help", value=took, unit="s"),
        dict(case="schoolvar --help", value=took / bare, unit="ratio", peer="python -c ''"),
    ]


def read(quick):
    "Scores from a file: seconds and memory, beside pandas' own reader."
    from bench_read import measure, write_students

    rows, n = [], 100_000 if quick else 500_000
    with tempfile.TemporaryDirectory() as folder:
        for name in ("students.parquet", "students.csv"):
            path = Path(folder) / name
            write_students(path, n, 2000)
            ours = measure(path)
            plain = seconds(
                lambda: (pd.read_parquet if path.suffix == ".parquet" else pd.read_csv)(path), 1
            )
            rows += [
                dict(
                    case=f"{n:,} students, {path.suffix[1:]}", value=ours["read_seconds"], unit="s"
                ),
                dict(
                    case=f"{n:,} students, {path.suffix[1:]}",
                    value=ours["read_seconds"] / plain,
                    unit="ratio",
                    peer="pandas, unchecked",
                ),
                dict(
                    case=f"{n:,} students, {path.suffix[1:]}",
                    value=ours["peak_mb"] - ours["before_mb"],
                    unit="MB",
                ),
            ]
    return rows


def case(model, schools):
    "Simulated counts, as the fit takes them and as a table for programs in R"
    from schoolvar.achievement.design import prepare
    from schoolvar.data.counts import read_counts
    from schoolvar.data.simulate import simulate_counts

    counts = read_counts(
        simulate_counts(
            schools, students=37, seed=1, sd_school=0.63, sd_cohort=0.395, sd_subject=0.063
        ).frame
    )
    d = prepare(counts, model)[1]
    return (
        counts,
        d,
        pd.DataFrame(
            dict(y=d.y, n=d.n, cell=d.cell, school=d.school, cohort=d.cohort, profile=d.subject)
        ),
    )


def fitted(counts, model):
    "Our fit, its seconds from counts to tables, and effective draws of the least effective population parameter a second of sampling"
    from schoolvar.achievement.fit import fit_achievement

    clock = time.perf_counter()
    fit = fit_achievement(
        counts, model=model, sampler=dict(cache=False, progress=False)
    )
    return (
        fit,
        time.perf_counter() - clock,
        float(fit.parameters.ess_bulk.min()) / fit.manifest["timings"]["sampling"],
    )


def sampling(quick):
    "Effective draws a second of sampling: ours beside the textbook's program, same engine."
    import textbook

    from schoolvar.sampling.diagnostics import convergence
    from schoolvar.sampling.engine import sample

    rows = []
    for model in ("M1", "M3"):
        counts, d, _ = case(model, 40 if quick else 100)
        plain = sample(
            *textbook.achievement(d, model),
            warmup=300,
            draws=400,
            metric="diag_e",
            step_size=0.5,
            keep=[
                "fixed",
                *(
                    f"sd_{k}"
                    for k in {"M1": ["school"], "M3": ["school", "cohort", "subject"]}[model]
                ),
            ],
            cache=False,
            progress=False,
        )
        draws = np.concatenate(
            [v.values.reshape(*v.shape[:2], -1) for v in plain.posterior.data_vars.values()], axis=2
        )
        theirs = (
            float(convergence(draws)["ess_bulk"].min())
            / json.loads(plain.attrs["timings"])["sampling"]
        )
        ours = fitted(counts, model)[2]
        rows += [
            dict(case=f"{model}, {d.J} schools", value=ours, unit="effective draws/s"),
            dict(
                case=f"{model}, {d.J} schools",
                value=ours / theirs,
                unit="ratio",
                peer="textbook Stan program",
            ),
        ]
    return rows


def in_r(what, table, model):
    "Numbers of a peer in R, or None where it is not installed"
    if (
        not shutil.which("Rscript")
        or subprocess.run(["Rscript", "-e", f"library({what})"], capture_output=True).returncode
    ):
        return None
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(Path(folder) / "counts.csv", index=False)
        run = subprocess.run(
            [
                "Rscript",
                str(ROOT / "benchmarks/peers.R"),
                what,
                str(Path(folder) / "counts.csv"),
                model,
            ],
            capture_output=True,
            text=True,
        )
    if run.returncode:
        print(f"{what}: {run.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return json.loads(run.stdout.strip().splitlines()[-1])


def lme4(quick):
    "The whole posterior beside glmer's point estimate: seconds, and how far apart the SDs are."
    rows, model = [], "M3"
    counts, d, table = case(model, 100 if quick else 500)
    if (r := in_r("lme4", table, model)) is None:
        return []
    fit, took, _ = fitted(counts, model)
    peer, name = f"lme4 {r['version']}, glmer's point estimate", f"{model}, {d.J} schools"
    apart = max(
        abs(fit.parameter(f"sd_{k}")["mean"] - r["sd"][{"subject": "profile"}.get(k, k)])
        / fit.parameter(f"sd_{k}")["sd"]
        for k in ("school", "cohort", "subject")
    )
    return [
        dict(case=name, value=took, unit="s"),
        dict(case=f"{name}, glmer", value=r["seconds"], unit="s"),
        dict(case=f"{name}, glmer with nAGQ = 0", value=r["seconds_fast"], unit="s"),
        dict(case=name, value=took / r["seconds"], unit="ratio", peer=peer),
        dict(case=f"{name}, nAGQ = 0", value=took / r["seconds_fast"], unit="ratio", peer=peer),
        dict(
            case=f"{name}, largest distance of an SD", value=apart, unit="posterior SDs", peer=peer
        ),
    ]


def brms(quick):
    "Effective draws a second of sampling, compiling left out on both sides."
    rows = []
    for model, schools in [("M2", 30)] if quick else [("M2", 60), ("M3", 500)]:
        counts, d, table = case(model, schools)
        if (r := in_r("brms", table, model)) is None:
            return []
        ours = fitted(counts, model)[2]
        theirs, name, peer = (
            r["ess"] / r["seconds"],
            f"{model}, {d.J} schools",
            f"brms {r['version']}",
        )
        rows += [
            dict(case=name, value=ours, unit="effective draws/s"),
            dict(case=f"{name}, brms", value=theirs, unit="effective draws/s"),
            dict(case=f"{name}, brms", value=r["compile"], unit="s to compile"),
            dict(case=name, value=ours / theirs, unit="ratio", peer=peer),
        ]
    return rows


BAMBI = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import arviz as az, bambi, pandas as pd
d = pd.read_csv(sys.argv[1]).astype({c: "category" for c in ("cell", "school", "cohort")})
model = bambi.Model("p(y, n) ~ 0 + cell + (1 | school) + (1 | cohort)", d, family="binomial")
start = time.perf_counter()
idata = model.fit(draws=500, tune=500, chains=4, cores=2, random_seed=1, progressbar=False)
took = time.perf_counter() - start
s = az.summary(idata, var_names=["cell", "1|school_sigma", "1|cohort_sigma"])
print(json.dumps(dict(seconds=took, ess=float(pd.to_numeric(s.ess_bulk).min()), version=bambi.__version__)))
"""


def with_bambi(quick):
    "Effective draws a second, its compiling in its time."
    python = os.environ.get("SCHOOLVAR_BAMBI", sys.executable)
    if subprocess.run([python, "-c", "import bambi"], capture_output=True).returncode:
        return []
    counts, d, table = case("M2", 30 if quick else 60)
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(Path(folder) / "counts.csv", index=False)
        run = subprocess.run(
            [python, "-c", BAMBI, str(Path(folder) / "counts.csv")], capture_output=True, text=True
        )
    if run.returncode:
        print(f"bambi: {run.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return []
    r = json.loads(run.stdout.strip().splitlines()[-1])
    ours, name = fitted(counts, "M2")[2], f"M2, {d.J} schools"
    return [
        dict(case=name, value=ours, unit="effective draws/s"),
        dict(case=f"{name}, bambi", value=r["ess"] / r["seconds"], unit="effective draws/s"),
        dict(
            case=name,
            value=ours / (r["ess"] / r["seconds"]),
            unit="ratio",
            peer=f"bambi {r['version']}",
        ),
    ]


def companion(quick):
    "The logit-normal companion beside statsmodels' MixedLM."
    from schoolvar.achievement.design import prepare
    from schoolvar.achievement.frequentist import group_sums, one_way, one_way_statsmodels
    from schoolvar.data.counts import read_counts
    from schoolvar.data.simulate import simulate_counts

    d = prepare(read_counts(simulate_counts(100 if quick else 400, seed=1).frame), "M1")[1]
    ours, theirs = (
        seconds(lambda: one_way(group_sums(d, d.school))),
        seconds(lambda: one_way_statsmodels(d, d.school), 1),
    )
    return [
        dict(case=f"{d.J} schools", value=ours, unit="s"),
        dict(
            case=f"{d.J} schools",
            value=theirs / ours,
            unit="ratio",
            peer="statsmodels MixedLM, its time over ours",
        ),
    ]


def scaling(quick):
    "How the parts between sampling grow with schools: the exponent of a line through the logs of size and seconds."
    from schoolvar.core.schools import rank_summary
    from schoolvar.sampling.diagnostics import convergence

    rng, rows = np.random.default_rng(1), []
    sizes = (200, 800, 3200) if quick else (500, 2000, 8000)
    for name, call in (
        ("ranks", rank_summary),
        ("convergence", lambda x: convergence(x.reshape(4, -1, x.shape[1]))),
    ):
        took = [seconds(lambda: call(x)) for x in (rng.normal(size=(800, J)) for J in sizes)]
        rows += [
            dict(case=f"{name}, {J:,} schools", value=t, unit="s") for J, t in zip(sizes, took)
        ]
        rows.append(
            dict(
                case=name,
                value=float(np.polyfit(np.log(sizes), np.log(took), 1)[0]),
                unit="exponent",
            )
        )
    return rows


def reports(quick):
    "Reports a minute by one worker, and what a page weighs."
    from schoolvar.report.build import render_reports
    from schoolvar.report.example import example_fits

    n = 2 if quick else 6
    with tempfile.TemporaryDirectory() as folder:
        fits = example_fits(Path(folder) / "fits", n_districts=n, n_schools=10 * n)
        clock = time.perf_counter()
        done = render_reports(Path(folder) / "out", **fits, formats=(), workers=1)
        took = time.perf_counter() - clock
        weights = [p.stat().st_size / 1e3 for p in (done.out / "districts").glob("*.html")]
    return [
        dict(case="one worker", value=60 * len(weights) / took, unit="reports/min"),
        dict(case="page of ten schools, median", value=float(np.median(weights)), unit="kB"),
    ]


def site(quick):
    "What the pages of the documentation weigh beside the numbers of their charts, where `make docs` has built them, and what they share."
    folder = ROOT / "_site"
    if not (folder / "index.html").is_file():
        return []
    sys.path.insert(0, str(ROOT / "tools"))
    from docs.check import weight

    pages = [
        weight(p.read_text(encoding="utf-8")) / 1e3
        for p in folder.rglob("*.html")
        if "example" not in p.parts
    ]
    shared = (
        sum(
            p.stat().st_size
            for p in [
                *folder.glob("*.css"),
                *folder.glob("docs/schoolvar-charts.*"),
                *(folder / "site_libs").rglob("*"),
            ]
            if p.is_file()
        )
        / 1e3
    )
    return [
        dict(case=f"{len(pages)} pages, median", value=float(np.median(pages)), unit="kB"),
        dict(case="heaviest page", value=max(pages), unit="kB"),
        dict(case="scripts, styles and fonts of all pages", value=shared, unit="kB"),
    ]


# ---- long benchmarks, which keep files of their own

IVD, BRMS, GLMER = (
    "R package ivd: 57 effective draws in 404 s, two chains of 15,000, on a machine of this kind",
    "brms: 92 effective draws in 188 s, M3 on 500 schools, on a machine of this kind",
    "glmer: 2.9 s, on a machine of this kind",
)


def from_file(name):
    return (
        pd.read_csv(path).to_dict("records")
        if (path := ROOT / "benchmarks" / name).exists()
        else []
    )


def exponent(rows, size, cost):
    return float(np.polyfit(np.log([r[size] for r in rows]), np.log([r[cost] for r in rows]), 1)[0])


def consistency(quick):
    "Collected from consistency.csv (bench_consistency.py)."
    rows, found = [], from_file("consistency.csv")
    for r in found:
        name = (
            r["what"]
            if r["what"].startswith("Saeb")
            else f"{r['schools']:,} schools, {r['students']:,} students"
        )
        rows += [
            dict(case=name, value=r["sampling_s"], unit="s of sampling", load=r["load"]),
            dict(case=name, value=r["ess_bulk_min"], unit="effective draws", load=r["load"]),
            dict(case=name, value=r["peak_mb"], unit="MB", load=r["load"]),
        ]
        if name == "Saeb, intercepts":
            rows.append(
                dict(case=name, value=r["times_ivd"], unit="ratio", peer=IVD, load=r["load"])
            )
    for what, of in (("students", "students"), ("schools", "schools")):
        if len(g := [r for r in found if r["what"] == what]) > 1:
            rows.append(
                dict(
                    case=f"sampling against {what}",
                    value=exponent(g, of, "sampling_s"),
                    unit="exponent",
                    load=g[-1]["load"],
                )
            )
    if len(g := [r for r in found if r["what"] == "students"]) > 1:
        rows.append(
            dict(
                case="memory, most students over fewest",
                value=g[-1]["peak_mb"] / g[0]["peak_mb"],
                unit="ratio",
                peer="1 is flat",
                load=g[-1]["load"],
            )
        )
    return rows


def achievement(quick):
    "Collected from achievement.csv (bench_achievement.py)."
    rows, found = [], from_file("achievement.csv")
    for r in found:
        name = f"{r['model']}, {r['schools']:,} schools"
        rows += [
            dict(case=name, value=r["sampling"], unit="s of sampling", load=r["load"]),
            dict(case=name, value=r["wall"], unit="s", load=r["load"]),
            dict(case=name, value=r["least_ess_bulk"], unit="effective draws", load=r["load"]),
            dict(case=name, value=r["peak_mb"], unit="MB", load=r["load"]),
        ]
        if (r["model"], r["schools"]) == ("M3", 500):
            rows += [
                dict(
                    case=name,
                    value=r["ess_a_second"] / (92 / 188),
                    unit="ratio",
                    peer=BRMS,
                    load=r["load"],
                ),
                dict(
                    case=f"{name}, all of it",
                    value=r["wall"] / 2.9,
                    unit="ratio",
                    peer=GLMER,
                    load=r["load"],
                ),
            ]
    if len(g := [r for r in found if r["model"] == "M2"]) > 2:
        rows += [
            dict(
                case="M2, sampling against schools",
                value=exponent(g, "schools", "sampling"),
                unit="exponent",
                load=g[-1]["load"],
            ),
            dict(
                case="M2, memory against schools",
                value=exponent(
                    [r | dict(more=max(r["peak_mb"] - r["before_mb"], 1)) for r in g],
                    "schools",
                    "more",
                ),
                unit="exponent",
                load=g[-1]["load"],
            ),
        ]
    return rows


def value_added(quick):
    "Collected from value_added.csv (bench_value_added.py)."
    return [
        x
        for r in from_file("value_added.csv")
        for x in (
            dict(case=r["what"], value=r["total"], unit="s", load=r["load"]),
            dict(case=r["what"], value=r["least_ess_bulk"], unit="effective draws", load=r["load"]),
        )
    ]


def province(quick):
    "Collected from reports_*.csv (bench_reports.py): reports a minute, weight of a page, memory."
    rows = []
    for path in sorted((ROOT / "benchmarks").glob("reports_*.csv")):
        for r in from_file(path.name):
            name = f"{r['name']}, {r['districts']} districts, {r['workers']} processes"
            peer = "a kernel for each report, same run"
            rows += [
                dict(case=name, value=r["reports_per_minute"], unit="reports/min", load=r["load"]),
                dict(case=name, value=r["ratio"], unit="ratio", peer=peer, load=r["load"]),
                dict(case=name, value=r["median_page_kb"], unit="kB a page", load=r["load"]),
                dict(case=name, value=r["worker_peak_mb"], unit="MB", load=r["load"]),
            ]
            if "processor_ratio" in r:
                rows.append(
                    dict(
                        case=f"{name}, processor time",
                        value=r["processor_ratio"],
                        unit="ratio",
                        peer=peer,
                        load=r["load"],
                    )
                )
    return rows


BENCHMARKS = dict(
    help_seconds=help_seconds,
    read=read,
    sampling=sampling,
    lme4=lme4,
    brms=brms,
    bambi=with_bambi,
    companion=companion,
    scaling=scaling,
    reports=reports,
    site=site,
    consistency=consistency,
    achievement=achievement,
    value_added=value_added,
    province=province,
)
COLLECTED = ("consistency", "achievement", "value_added", "province")


def machine() -> str:
    "Processor, cores, memory, system, Python: in one line."
    try:
        name = next(
            line.split(":")[1].strip()
            for line in open("/proc/cpuinfo", encoding="utf-8")
            if line.startswith("model name")
        )
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    memory = (
        f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9:.0f} GB"
        if hasattr(os, "sysconf")
        else ""
    )
    return f"{name}, {os.cpu_count()} cores{memory}, {platform.system()}, Python {platform.python_version()}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    parser.add_argument(
        "--only", nargs="+", choices=list(BENCHMARKS), help="these; the others' stored rows stay"
    )
    parser.add_argument(
        "--long",
        action="store_true",
        help="measure consistency and achievement again first, which takes ten minutes of a quiet machine",
    )
    args = parser.parse_args()
    if args.long:
        for name in ("bench_consistency.py", "bench_achievement.py"):
            subprocess.run(
                [
                    sys.executable,
                    str(ROOT / "benchmarks" / name),
                    *(["--growth"] if "ach" in name else []),
                ],
                check=True,
            )
    sys.path.insert(0, str(Path(__file__).parent))
    old = pd.read_csv(RESULTS) if RESULTS.exists() else None
    for name in args.only or BENCHMARKS:
        load = os.getloadavg()[0]
        found = BENCHMARKS[name](args.quick)
        if not found:
            print(
                f"{name}: not installed, or not measured yet; its stored rows stay", file=sys.stderr
            )
            continue
        rows = pd.DataFrame(
            [dict(benchmark=name, peer="", load=round(load, 1)) | r for r in found]
        ).assign(
            size="collected" if name in COLLECTED else "quick" if args.quick else "full",
            date=date.today().isoformat(),
            machine=machine(),
        )
        print(
            rows[["benchmark", "case", "value", "unit", "peer", "load"]]
            .round(4)
            .to_string(index=False, header=False),
            flush=True,
        )
        old = (
            rows
            if old is None
            else pd.concat([old[old.benchmark != name], rows], ignore_index=True)
        )
        old["value"] = old["value"].map(lambda v: float(f"{v:.4g}"))
        old[
            ["benchmark", "case", "value", "unit", "peer", "size", "load", "date", "machine"]
        ].to_csv(RESULTS, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
