"""Speed of the consistency model: Saeb, Saeb with covariates, many schools, many students.

    python benchmarks/bench_consistency.py [--data ../shared/data] [--out benchmarks/consistency.csv] [--quick]

Each row: what was fitted, seconds of sampling (wall clock) and of processor time, the least bulk ESS of the population parameters,
ESS per second, peak memory. The R package ivd, two chains of 15,000 on a machine of this kind, took 404 s and 9.9 GB for a least bulk
ESS of 57 on Saeb. Run it on an idle machine.
"""

import argparse
import json
import multiprocessing
import os
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd

IVD = dict(seconds=404, ess=57)


def saeb(data, covariates):
    from schoolvar.core.formula import centre_within
    from schoolvar.data.scores import read_scores

    frame = (
        centre_within(pd.read_csv(Path(data) / "saeb.csv.gz"), "student_ses", mean_as="school_ses")
        if covariates
        else Path(data) / "saeb.csv.gz"
    )
    return read_scores(
        frame,
        school="school_id",
        score="math_proficiency",
        covariates=["student_ses", "school_ses"] if covariates else (),
    )


def simulated(schools, students):
    "Sufficient statistics of simulated schools, drawn without making the students"
    from schoolvar.data.scores import Scores

    rng = np.random.default_rng(schools + students)
    n = np.full(schools, students // schools)
    u, t = (
        rng.normal(0, 0.34, schools),
        np.where(rng.random(schools) < 0.3, rng.normal(0, 0.15, schools), 0),
    )
    sd = 0.8 * np.exp(t)
    mean, ss = (
        0.1 + u + sd / np.sqrt(n) * rng.standard_normal(schools),
        sd**2 * rng.chisquare(n - 1),
    )
    table = pd.DataFrame(dict(school=[str(j) for j in range(schools)], n=n, mean=mean, ss=ss))
    grand = np.average(mean, weights=n)
    total = float(np.sqrt((ss.sum() + (n * (mean - grand) ** 2).sum()) / (n.sum() - 1)))
    return Scores(table, None, float(grand), total, pd.DataFrame(columns=["reason", "rows"]), {})


def measure(what, make, arguments, settings, queue):
    from schoolvar.consistency.fit import fit_consistency

    scores = make(*arguments)
    wall, cpu = time.perf_counter(), time.process_time()
    sampler = dict(cache=False, progress=False, rounds=1) | settings.pop("sampler", {})
    fit = fit_consistency(scores, sampler=sampler, **settings)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    sampling, ess = fit.manifest["timings"]["sampling"], fit.parameters.ess_bulk.min()
    queue.put(
        dict(
            what=what,
            schools=len(scores.schools),
            students=int(scores.schools.n.sum()),
            draws=4 * fit.manifest["run"]["sampler"]["draws"],
            sampling_s=round(sampling, 2),
            whole_s=round(wall, 2),
            cpu_s=round(cpu, 2),
            ess_bulk_min=round(ess),
            r_hat_max=round(fit.parameters.r_hat.max(), 4),
            ess_per_s=round(ess / sampling, 1),
            times_ivd=round(ess / sampling / (IVD["ess"] / IVD["seconds"])),
            peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            ok=fit.ok,
        )
    )


def run(*job):
    "Each in a process of its own, so that the memory is its own"
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=measure, args=(*job, queue))
    process.start()
    row = queue.get(timeout=1800)
    process.join()
    return row


def exponent(rows, x, y):
    "Slope of log y on log x"
    table = pd.DataFrame(rows)
    return (
        float(np.polyfit(np.log(table[x]), np.log(table[y]), 1)[0])
        if len(table) > 1
        else float("nan")
    )


if __name__ == "__main__":
    root = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=root.parent.parent / "shared" / "data")
    parser.add_argument("--out", default=root / "consistency.csv")
    parser.add_argument("--quick", action="store_true")
    a = parser.parse_args()
    both = "student_ses * school_ses + (1 | school_id)"
    jobs = [
        ("Saeb, intercepts", saeb, (a.data, False), {}),
        ("Saeb, covariates", saeb, (a.data, True), dict(location=both, scale=both)),
    ]
    by_students = [
        ("students", simulated, (160, s), {}) for s in (10_000, 100_000, 1_000_000, 5_000_000)
    ]
    by_schools = [
        ("schools", simulated, (j, 70 * j), dict(sampler=dict(draws=400)))
        for j in ((160, 640, 2560) if a.quick else (160, 640, 2560, 16_000))
    ]
    rows = []
    for job in jobs + by_students + by_schools:
        rows.append(dict(run(*job), load=round(os.getloadavg()[0], 1), cores=os.cpu_count()))
        print(json.dumps(rows[-1]), flush=True)
        pd.DataFrame(rows).to_csv(a.out, index=False)
    found = {
        k: exponent([r for r in rows if r["what"] == k], k, "sampling_s")
        for k in ("students", "schools")
    }
    print("seconds of sampling grow with the power", {k: round(v, 2) for k, v in found.items()})
