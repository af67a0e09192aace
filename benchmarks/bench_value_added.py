"""Time value added from counts to a saved folder.

    python benchmarks/bench_value_added.py COUNTS [--from-grade 3] [--to-grade 6] [--years 2017,2018,2019] [--schools N] [--method joint] [--alone]

Prints seconds by step, effective draws and gradients; nothing is taken from the cache. Run it on an idle machine.
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
from schoolvar.value_added.fit import fit_value_added
from schoolvar.value_added.methods import METHODS


def main():
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
    a = p.parse_args()
    load = round(os.getloadavg()[0], 1)
    clock = time.perf_counter()
    years = [int(y) for y in a.years.split(",")] if a.years else None
    counts = (
        read_counts(a.counts, grade=[a.from_grade, a.to_grade], years=years)
        if a.counts
        else read_counts(
            simulate_two_grades(
                a.schools, from_grade=a.from_grade, to_grade=a.to_grade, seed=1
            ).frame
        )
    )
    read = time.perf_counter() - clock
    cpu = time.process_time()
    fit = fit_value_added(
        counts,
        from_grade=a.from_grade,
        to_grade=a.to_grade,
        method=a.method,
        compare_methods=not a.alone,
        sampler=dict(cache=False),
    )
    cpu = time.process_time() - cpu
    fitted = time.perf_counter() - clock - read
    with tempfile.TemporaryDirectory() as folder:
        clock2 = time.perf_counter()
        fit.save(Path(folder) / "fit")
        saved = time.perf_counter() - clock2
    steps = fit.idata.sample_stats.n_steps.values
    if a.name:
        path = Path(__file__).parent / "value_added.csv"
        row = pd.DataFrame(
            [
                dict(
                    what=a.name,
                    schools=len(fit.schools),
                    rows=fit.manifest["rows"]["kept"]["rows"],
                    total=round(read + fitted + saved, 1),
                    cpu=round(cpu, 1),
                    least_ess_bulk=round(float(fit.parameters.ess_bulk.min())),
                    least_ess_tail=round(float(fit.parameters.ess_tail.min())),
                    ok=fit.ok,
                    load=load,
                    cores=os.cpu_count(),
                )
            ]
        )
        pd.concat(
            [old[old.what != a.name] for old in map(pd.read_csv, [path] if path.exists() else [])]
            + [row]
        ).to_csv(path, index=False, lineterminator="\n")
    print(
        json.dumps(
            dict(
                schools=len(fit.schools),
                rows=fit.manifest["rows"]["kept"]["rows"],
                ok=fit.ok,
                rounds=int(fit.idata.attrs["rounds"]),
                seconds=dict(
                    read=round(read, 2),
                    fit=round(fitted, 1),
                    save=round(saved, 2),
                    total=round(read + fitted + saved, 1),
                ),
                cpu_seconds=round(cpu, 1),
                draws=int(steps.size),
                steps_per_draw=round(float(steps.mean()), 1),
                least_ess_bulk=round(float(fit.parameters.ess_bulk.min())),
                least_ess_tail=round(float(fit.parameters.ess_tail.min())),
                slope=fit.parameter("slope")[["mean", "q2.5", "q97.5"]].round(4).to_dict(),
            ),
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
