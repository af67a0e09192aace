"""Time value added from counts to a saved folder.

    python benchmarks/bench_value_added.py COUNTS [--from-grade 3] [--to-grade 6]
        [--years 2017,2018,2019] [--schools N] [--method joint] [--alone]

Prints seconds by step, effective draws and gradients; nothing is taken from the cache. Run it on
an idle machine.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import pandas as pd

from schoolvar.data.counts import read_counts
from schoolvar.data.simulate import simulate_two_grades
from schoolvar.value_added.fit import METHODS, fit_value_added


def asked():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("counts", nargs="?", help="counts file; without one, simulated schools")
    p.add_argument("--from-grade", type=int, default=3)
    p.add_argument("--to-grade", type=int, default=6)
    p.add_argument("--years", default=None)
    p.add_argument("--schools", type=int, default=400, help="number of simulated schools")
    p.add_argument("--method", choices=METHODS, default="joint")
    p.add_argument("--alone", action="store_true", help="leave the other two methods out")
    p.add_argument("--name", help="keep the figures under this name in benchmarks/value_added.csv")
    return p.parse_args()


def counts_of(a):
    "The counts of a file, or simulated ones."
    grades = dict(from_grade=a.from_grade, to_grade=a.to_grade)
    if not a.counts:
        return read_counts(simulate_two_grades(a.schools, **grades, seed=1).frame)
    years = [int(y) for y in a.years.split(",")] if a.years else None
    return read_counts(a.counts, grade=list(grades.values()), years=years)


def keep(name, fit, total, cpu, load):
    "A row of benchmarks/value_added.csv, in the place of the one that had its name."
    path = Path(__file__).parent / "value_added.csv"
    row = dict(
        what=name,
        schools=len(fit.schools),
        rows=fit.manifest["rows"]["kept"]["rows"],
        total=round(total, 1),
        cpu=round(cpu, 1),
        least_ess_bulk=round(float(fit.parameters.ess_bulk.min())),
        least_ess_tail=round(float(fit.parameters.ess_tail.min())),
        ok=fit.ok,
        load=load,
        cores=os.cpu_count(),
    )
    old = [pd.read_csv(path)] if path.exists() else []
    kept = [table[table.what != name] for table in old]
    pd.concat([*kept, pd.DataFrame([row])]).to_csv(path, index=False, lineterminator="\n")


def described(fit, seconds, cpu):
    "What is printed of a run."
    steps = fit.idata.sample_stats.n_steps.values
    return dict(
        schools=len(fit.schools),
        rows=fit.manifest["rows"]["kept"]["rows"],
        ok=fit.ok,
        rounds=int(fit.idata.attrs["rounds"]),
        seconds=seconds | dict(total=round(sum(seconds.values()), 1)),
        cpu_seconds=round(cpu, 1),
        draws=int(steps.size),
        steps_per_draw=round(float(steps.mean()), 1),
        least_ess_bulk=round(float(fit.parameters.ess_bulk.min())),
        least_ess_tail=round(float(fit.parameters.ess_tail.min())),
        slope=fit.parameter("slope")[["mean", "q2.5", "q97.5"]].round(4).to_dict(),
    )


def main():
    a = asked()
    load = round(os.getloadavg()[0], 1)
    started = time.perf_counter()
    counts = counts_of(a)
    read = time.perf_counter()
    cpu = time.process_time()
    how = dict(method=a.method, beside=not a.alone, cache=False)
    fit = fit_value_added(counts, from_grade=a.from_grade, to_grade=a.to_grade, **how)
    cpu = time.process_time() - cpu
    fitted = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        fit.save(Path(folder) / "fit")
    saved = time.perf_counter()
    if a.name:
        keep(a.name, fit, saved - started, cpu, load)
    seconds = dict(
        read=round(read - started, 2), fit=round(fitted - read, 1), save=round(saved - fitted, 2)
    )
    print(json.dumps(described(fit, seconds, cpu), indent=1))


if __name__ == "__main__":
    main()
