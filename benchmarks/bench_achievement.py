"""Speed of the achievement models: effective draws a second, growth with the number of schools, and peak memory.

Each case runs in a process of its own, so that its peak memory is its own. Ratios to other software use the figures measured on
a machine of this kind: brms M3 on 500 schools, 92 effective draws in 188 s of sampling; lme4's glmer, 2.9 s for a point estimate.
Run it on a quiet machine: on a busy one only the ratios within one run mean anything.

    python benchmarks/bench_achievement.py                      # M3 on 500 schools, M2 on 3,246 schools with 300 draws a chain
    python benchmarks/bench_achievement.py --growth             # and M2 from 500 to 32,460 schools, with the exponent
    python benchmarks/bench_achievement.py --cases M3:60:100 --out small.csv

Rows are kept in benchmarks/achievement.csv, one a model and number of schools; benchmarks/achievement_growth.csv is a run of
--growth --draws 100 (100 kept iterations a chain: the cost, not a posterior to report).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

BRMS_ESS_A_SECOND, GLMER_SECONDS = 92 / 188, 2.9
TRUTH = dict(sd_school=0.63, sd_cohort=0.395, sd_subject=0.063)


def one(model, schools, draws):
    "Fit one case and say what it took"
    from schoolvar.achievement.fit import fit_achievement
    from schoolvar.data.counts import read_counts
    from schoolvar.data.simulate import simulate_counts

    counts = read_counts(simulate_counts(schools, students=37, seed=1, **TRUTH).frame)
    before, clock, cpu = (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        time.perf_counter(),
        time.process_time(),
    )
    fit = fit_achievement(
        counts,
        model=model,
        sampler=dict(rounds=1, cache=False, progress=False, draws=draws or None),
    )
    wall, cpu, took = (
        time.perf_counter() - clock,
        time.process_time() - cpu,
        fit.manifest["timings"]["sampling"],
    )
    least = float(fit.parameters.ess_bulk.min())
    steps = int(fit.idata.sample_stats["n_steps"].sum())
    return dict(
        model=model,
        schools=schools,
        rows=len(counts.frame),
        wall=wall,
        cpu=cpu,
        sampling=took,
        least_ess_bulk=least,
        least_ess_tail=float(fit.parameters.ess_tail.min()),
        r_hat=float(fit.parameters.r_hat.max()),
        ess_a_second=least / took,
        kept_steps=steps,
        ok=fit.ok,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        before_mb=before / 1024,
    )


def in_a_process(case, draws):
    "Run one case alone, so that its peak memory is its own"
    model, schools, *own = case.split(":")
    load = round(os.getloadavg()[0], 1)
    r = subprocess.run(
        [sys.executable, __file__, "--one", model, schools, str(own[0] if own else draws or 0)],
        capture_output=True,
        text=True,
    )
    if r.returncode:
        sys.exit(r.stderr)
    return json.loads(r.stdout.strip().splitlines()[-1]) | dict(load=load, cores=os.cpu_count())


def keep(r, path):
    "Put a row into the file, in the place of an older one of its case"
    new = pd.DataFrame([r])
    if path.exists():
        old = pd.read_csv(path)
        new = pd.concat([old[(old.model != r["model"]) | (old.schools != r["schools"])], new])
    new.round(4).sort_values(["model", "schools"]).to_csv(path, index=False, lineterminator="\n")


def say(r):
    "A line for a case, and its ratios where there is something to compare with"
    print(
        f"{r['model']} on {r['schools']:,} schools ({r['rows']:,} rows): sampling {r['sampling']:.1f} s, {r['wall']:.1f} s in all ({r['cpu']:.1f} s of processor time over all threads), least bulk ESS {r['least_ess_bulk']:.0f}, tail {r['least_ess_tail']:.0f}, "
        f"R-hat {r['r_hat']:.4f}, {r['ess_a_second']:.1f} ESS/s, peak {r['peak_mb']:.0f} MB ({r['before_mb']:.0f} before the fit), gate {'passed' if r['ok'] else 'NOT passed'}",
        flush=True,
    )
    if (r["model"], r["schools"]) == ("M3", 500):
        print(
            f"  {r['ess_a_second'] / BRMS_ESS_A_SECOND:.0f} times the ESS/s of brms; {r['wall'] / GLMER_SECONDS:.1f} times the time of glmer's point estimate"
        )


if __name__ == "__main__":
    if "--one" in sys.argv:
        model, schools, draws = sys.argv[2:5]
        print(json.dumps(one(model, int(schools), int(draws))))
        sys.exit()
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument(
        "--cases",
        default="M3:500,M2:3246:300",
        help="MODEL:SCHOOLS or MODEL:SCHOOLS:DRAWS, one after another",
    )
    p.add_argument("--growth", action="store_true")
    p.add_argument(
        "--draws",
        type=int,
        default=None,
        help="kept draws a chain where a case has none; by default as the package chooses",
    )
    p.add_argument("--out", type=Path, default=Path(__file__).parent / "achievement.csv")
    a = p.parse_args()
    for case in a.cases.split(","):
        say(r := in_a_process(case, a.draws))
        keep(r, a.out)
    if a.growth:
        import numpy as np

        runs = [in_a_process(f"M2:{n}", a.draws) for n in (500, 1600, 3246, 10_000, 32_460)]
        for r in runs:
            say(r)
            keep(r, a.out)
        x = np.log([r["schools"] for r in runs])
        print(
            f"time grows as schools^{np.polyfit(x, np.log([r['sampling'] for r in runs]), 1)[0]:.2f}, memory beyond the start as schools^{np.polyfit(x, np.log([max(r['peak_mb'] - r['before_mb'], 1) for r in runs]), 1)[0]:.2f}"
        )
