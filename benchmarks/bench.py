"""Speed, memory and weight in one tidy table: benchmarks/results.csv, with the machine and its load.

    make bench                       everything, some minutes
    make bench ARGS='--quick'        smaller sizes
    make bench ARGS='--only help_seconds read'

Each row: benchmark, case, value, unit, peer (what a ratio is to, in the same run), machine, load, date. On a shared machine
only ratios and counts are worth reading: the load at the time stands in every row.
"""
import argparse
from datetime import date
import json
import os
from pathlib import Path
import platform
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks/results.csv"
COMMAND = [sys.executable, "-c", "from schoolvar.cli import main; main()"]
# M1 as a textbook writes it: effects non-centred, no coordinates.
TEXTBOOK = """
data { int N; int F; int J; array[N] int y; array[N] int n; array[N] int cell; array[N] int school; }
parameters { vector[F] fixed; real<lower=0> sd_school; vector[J] a; }
model {
  mean(fixed) ~ normal(0, 2.5); fixed - mean(fixed) ~ normal(0, 2.5); sd_school ~ student_t(3, 0, 2.5); a ~ std_normal();
  y ~ binomial_logit(n, fixed[cell] + sd_school * a[school]);
}
"""


def seconds(call, times=3) -> float:
    "The least of several runs: what others do on the machine only ever adds."
    took = []
    for _ in range(times): clock = time.perf_counter(); call(); took.append(time.perf_counter() - clock)
    return min(took)


def help_seconds(quick):
    "Start of the command, beside an interpreter that does nothing."
    run = lambda *args: subprocess.run(args, capture_output=True, check=True)
    bare = seconds(lambda: run(sys.executable, "-c", ""), 5)
    took = seconds(lambda: run(*COMMAND, "--help"), 5)
    return [dict(case="schoolvar --help", value=took, unit="s"), dict(case="schoolvar --help", value=took / bare, unit="ratio", peer="python -c ''")]


def read(quick):
    "Scores from a file: seconds and memory, beside pandas' own reader."
    from bench_read import measure, write_students
    rows, n = [], 100_000 if quick else 500_000
    with tempfile.TemporaryDirectory() as folder:
        for name in ("students.parquet", "students.csv"):
            path = Path(folder) / name
            write_students(path, n, 2000)
            ours = measure(path)
            plain = seconds(lambda: (pd.read_parquet if path.suffix == ".parquet" else pd.read_csv)(path), 1)
            rows += [dict(case=f"{n:,} students, {path.suffix[1:]}", value=ours["read_seconds"], unit="s"), dict(case=f"{n:,} students, {path.suffix[1:]}", value=ours["read_seconds"] / plain, unit="ratio", peer="pandas, unchecked"),
                     dict(case=f"{n:,} students, {path.suffix[1:]}", value=ours["peak_mb"] - ours["before_mb"], unit="MB")]
    return rows


def sampling(quick):
    "Effective draws of the least effective population parameter a second of sampling: ours beside the textbook's program, same engine, same draws."
    from schoolvar.achievement import fit_achievement, prepare
    from schoolvar.data import read_counts
    from schoolvar.diagnostics import convergence
    from schoolvar.engine import sample
    from schoolvar.simulate import simulate_counts
    counts = read_counts(simulate_counts(40 if quick else 100, years=(2022, 2023), students=30, seed=1).frame)
    ours = fit_achievement(counts, model="M1", cache=False, progress=False)
    d = prepare(counts, "M1")[1]
    plain = sample(TEXTBOOK, dict(N=len(d.y), F=d.F, J=d.J, y=d.y, n=d.n, cell=d.cell + 1, school=d.school + 1), warmup=300, draws=400, metric="diag_e", step_size=.5, keep=["fixed", "sd_school"], cache=False, progress=False)
    def rate(idata): return float(convergence(idata.posterior["sd_school"].values[:, :, None])["ess_bulk"][0]) / json.loads(idata.attrs["timings"])["sampling"]
    a, b, case = rate(ours.idata), rate(plain), f"M1, {d.J} schools"
    return [dict(case=case, value=a, unit="effective draws/s"), dict(case=case, value=a / b, unit="ratio", peer="textbook Stan program")]


def companion(quick):
    "The logit-normal companion beside statsmodels' MixedLM."
    from schoolvar.achievement import prepare
    from schoolvar.data import read_counts
    from schoolvar.frequentist import group_sums, one_way, one_way_statsmodels
    from schoolvar.simulate import simulate_counts
    d = prepare(read_counts(simulate_counts(100 if quick else 400, seed=1).frame), "M1")[1]
    ours, theirs = seconds(lambda: one_way(group_sums(d, d.school))), seconds(lambda: one_way_statsmodels(d, d.school), 1)
    return [dict(case=f"{d.J} schools", value=ours, unit="s"), dict(case=f"{d.J} schools", value=theirs / ours, unit="ratio", peer="statsmodels MixedLM, its time over ours")]


def scaling(quick):
    "How the parts between sampling grow with schools: the exponent of a line through the logs of size and seconds."
    from schoolvar.diagnostics import convergence
    from schoolvar.school_tables import rank_summary
    rng, rows = np.random.default_rng(1), []
    sizes = (200, 800, 3200) if quick else (500, 2000, 8000)
    for name, call in (("ranks", rank_summary), ("convergence", lambda x: convergence(x.reshape(4, -1, x.shape[1])))):
        took = [seconds(lambda: call(x)) for x in (rng.normal(size=(800, J)) for J in sizes)]
        rows += [dict(case=f"{name}, {J:,} schools", value=t, unit="s") for J, t in zip(sizes, took)]
        rows.append(dict(case=name, value=float(np.polyfit(np.log(sizes), np.log(took), 1)[0]), unit="exponent"))
    return rows


def reports(quick):
    "Reports a minute by one worker, and what a page weighs."
    from schoolvar.publication import example_fits
    from schoolvar.reports import render_reports
    n = 2 if quick else 6
    with tempfile.TemporaryDirectory() as folder:
        fits = example_fits(Path(folder) / "fits", n_districts=n, n_schools=10 * n)
        clock = time.perf_counter()
        done = render_reports(Path(folder) / "out", **fits, formats=(), workers=1)
        took = time.perf_counter() - clock
        weights = [p.stat().st_size / 1e3 for p in (done.out / "districts").glob("*.html")]
    return [dict(case="one worker", value=60 * len(weights) / took, unit="reports/min"), dict(case="page of ten schools, median", value=float(np.median(weights)), unit="kB")]


BENCHMARKS = dict(help_seconds=help_seconds, read=read, sampling=sampling, companion=companion, scaling=scaling, reports=reports)


def machine() -> str:
    "Processor, cores, memory, system, Python: in one line."
    try: name = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name"))
    except (OSError, StopIteration): name = platform.processor() or platform.machine()
    memory = f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9:.0f} GB" if hasattr(os, "sysconf") else ""
    return f"{name}, {os.cpu_count()} cores{memory}, {platform.system()}, Python {platform.python_version()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), help="these; the others' stored rows stay")
    args = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    old = pd.read_csv(RESULTS) if RESULTS.exists() else None
    for name in args.only or BENCHMARKS:
        load = os.getloadavg()[0]
        rows = pd.DataFrame([dict(benchmark=name, peer="") | r for r in BENCHMARKS[name](args.quick)]).assign(size="quick" if args.quick else "full", load=round(load, 1), date=date.today().isoformat(), machine=machine())
        print(rows[["benchmark", "case", "value", "unit", "peer", "load"]].round(4).to_string(index=False, header=False), flush=True)
        old = rows if old is None else pd.concat([old[old.benchmark != name], rows], ignore_index=True)
        old["value"] = old["value"].map(lambda v: float(f"{v:.4g}"))
        old[["benchmark", "case", "value", "unit", "peer", "size", "load", "date", "machine"]].to_csv(RESULTS, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
