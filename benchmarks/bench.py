"""Speed, memory and weight in one tidy table: benchmarks/results.csv, with the machine and its
load.

    make bench                       everything, some twenty minutes, most of them brms
    make bench ARGS='--quick'        smaller sizes
    make bench ARGS='--only help_seconds read'
    make bench ARGS='--long'         first the benchmarks with files of their own (consistency,
                                     achievement), on a quiet machine

R's lme4 and brms, and bambi, are peers where they are installed.

Each row: benchmark, case, value, unit, peer (what a ratio is to, in the same run where nothing
else is said), machine, load, date. On a shared machine only ratios and counts are worth reading:
the load at the time stands in every row. Figures of the long benchmarks are collected from their
own files, which say the load under which they were measured.

Peers: apt-get install r-cran-lme4 r-cran-brms r-cran-bh r-cran-rcppeigen r-cran-jsonlite; pip
install bambi 'matplotlib<3.11' (in any environment, named by SCHOOLVAR_BAMBI=its/bin/python;
ArviZ 0.23, which it uses, does not load with a later matplotlib).
"""

import argparse
import functools
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from bench_peers import brms, lme4, sampling, with_bambi

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

    def run(*args):
        return subprocess.run(args, capture_output=True, check=True)

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
            reader = pd.read_parquet if path.suffix == ".parquet" else pd.read_csv
            plain = seconds(functools.partial(reader, path), 1)
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
    """How the parts between sampling grow with schools.

    The exponent of a line through the logs of size and seconds.
    """
    from schoolvar.core.schools import rank_summary
    from schoolvar.sampling.diagnostics import convergence

    rng, rows = np.random.default_rng(1), []
    sizes = (200, 800, 3200) if quick else (500, 2000, 8000)
    for name, call in (
        ("ranks", rank_summary),
        ("convergence", lambda x: convergence(x.reshape(4, -1, x.shape[1]))),
    ):
        draws = [rng.normal(size=(800, J)) for J in sizes]
        took = [seconds(functools.partial(call, x)) for x in draws]
        rows += [
            dict(case=f"{name}, {J:,} schools", value=t, unit="s")
            for J, t in zip(sizes, took, strict=True)
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
    """What the pages of the documentation weigh beside the numbers of their charts, where `make
    docs` has built them, and what they share.
    """
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
    return (
        f"{name}, {os.cpu_count()} cores{memory}, {platform.system()}, Python "
        f"{platform.python_version()}"
    )


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
        help=(
            "measure consistency and achievement again first, which takes ten minutes of a "
            "quiet machine"
        ),
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
