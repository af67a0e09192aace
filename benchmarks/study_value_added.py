"""How naive, me and joint do where the truth is known: bias and coverage of the slope, of value added, and of its ranking.

    python benchmarks/study_value_added.py OUT.csv [--seed 2026] [--only CONDITION ...] [--limit N] [--part I/N]

One row a simulated data set and method is appended to OUT.csv; data sets that are there already are skipped, so that the
study can be stopped and taken up again. Conditions differ in students a school and year, in years and in the true slope.
One chain a fit: the study asks how the posterior's intervals do over many data sets, not how one fit's chains agree; the
effective draws of each slope are kept in the results.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import pandas as pd

from schoolvar.achievement.design import design
from schoolvar.achievement.ladder import LEVELS, prior_scales
from schoolvar.achievement.whitening import stan_data
from schoolvar.data.counts import read_counts
from schoolvar.data.simulate import simulate_two_grades
from schoolvar.sampling.diagnostics import convergence
from schoolvar.sampling.engine import sample
from schoolvar.value_added.grades import prepare_two_grades
from schoolvar.value_added.methods import METHODS, sample_method
from schoolvar.value_added.quality import quality_table

# name: schools, students a school and year (uniform), years, true slope, data sets, of which by all
# three methods (the others by joint alone)
CONDITIONS = {
    "reference": (400, (12, 40), 3, 0.8, 200, 100),
    "few students": (200, (5, 15), 2, 0.8, 20, 20),
    "many students": (200, (60, 120), 3, 0.8, 20, 20),
    "five years": (200, (12, 40), 5, 0.8, 20, 20),
    "slope 0": (200, (12, 40), 3, 0.0, 20, 20),
    "slope 1.2": (200, (12, 40), 3, 1.2, 20, 20),
}
SETTINGS = dict(chains=1, warmup=100, draws=250, progress=False, cache=False)
FIELDS = [
    "condition",
    "data_set",
    "method",
    "schools",
    "students_low",
    "students_high",
    "years",
    "true_slope",
    "slope",
    "slope_sd",
    "slope_lower",
    "slope_upper",
    "slope_ess",
    "sd_value_added",
    "value_added_cover",
    "value_added_rmse",
    "value_added_correlation",
    "value_added_on_quality",
    "rank_cover",
    "rank_correlation",
    "quality_reliability",
    "seconds",
]


def flat(idata, name):
    x = np.asarray(idata.posterior[name], float)
    return x.reshape(-1, *x.shape[2:])


def stage_one(two, seed):
    "Posterior mean and SD of each school's earlier quality."
    d = design(two.earlier)
    data = (
        stan_data(d, LEVELS["M2"])
        | {f"prior_{k}": v for k, v in prior_scales("M2").items()}
        | dict(want_rows=0)
    )
    idata = sample(
        "achievement", data, inits=0.5, keep=["school", "sd_school"], seed=seed, **SETTINGS
    )
    order = pd.Index(d.schools).get_indexer(two.schools)
    return quality_table(flat(idata, "school")[:, order], two.schools, two.grades[0])


def ranks(x):
    return x.argsort(axis=-1).argsort(axis=-1) + 1


def measures(idata, truth, method):
    "What one fit got right."
    slope, v = flat(idata, "slope"), flat(idata, "value_added")
    low, high = np.quantile(v, (0.025, 0.975), axis=0)
    rank_low, rank_high = np.quantile(ranks(v), (0.025, 0.975), axis=0, method="nearest")
    t, mean = truth.value_added.to_numpy(), v.mean(0)
    true_rank = ranks(t)
    # What the error of value added owes to the earlier quality: 0 where the method neither over-
    # nor under-corrects.
    leaning = np.polyfit(truth.earlier_quality, mean - t, 1)[0]
    return dict(
        slope=slope.mean(),
        slope_sd=slope.std(ddof=1),
        slope_lower=np.quantile(slope, 0.025),
        slope_upper=np.quantile(slope, 0.975),
        slope_ess=float(
            convergence(np.stack([slope[: len(slope) // 2], slope[len(slope) // 2 :]]))["ess_bulk"]
        ),
        sd_value_added=flat(idata, "sd_value_added").mean(),
        value_added_cover=((low <= t) & (t <= high)).mean(),
        value_added_rmse=np.sqrt(np.mean((mean - t) ** 2)),
        value_added_correlation=np.corrcoef(mean, t)[0, 1],
        value_added_on_quality=leaning,
        rank_cover=((rank_low <= true_rank) & (true_rank <= rank_high)).mean(),
        rank_correlation=np.corrcoef(ranks(mean), true_rank)[0, 1],
    )


def methods_of(condition, k):
    return METHODS if k < CONDITIONS[condition][5] else ("joint",)


def one(condition, k, seed):
    "One data set by the three methods."
    schools, students, years, slope, _, three = CONDITIONS[condition]
    number = seed + 1000 * list(CONDITIONS).index(condition) + k
    simulated = simulate_two_grades(
        schools, slope=slope, students=students, years=tuple(range(2020, 2020 + years)), seed=number
    )
    two = prepare_two_grades(read_counts(simulated.frame))
    truth = simulated.truth.set_index("school").loc[two.both]
    quality = stage_one(two, number) if k < three else None
    reliability = (
        float(
            np.corrcoef(
                quality.set_index("school_id").iloc[:, 0].loc[two.both], truth.earlier_quality
            )[0, 1]
            ** 2
        )
        if k < three
        else np.nan
    )
    for method in methods_of(condition, k):
        clock = time.perf_counter()
        idata = sample_method(method, two, quality, seed=number, **SETTINGS)
        yield dict(
            condition=condition,
            data_set=k,
            method=method,
            schools=schools,
            students_low=students[0],
            students_high=students[1],
            years=years,
            true_slope=slope,
            **measures(idata, truth, method),
            quality_reliability=reliability,
            seconds=time.perf_counter() - clock,
        )


def plan(only):
    "Data sets in an order in which a study that is stopped early is still balanced."
    todo = [((k + 0.5) / CONDITIONS[c][4], c, k) for c in only for k in range(CONDITIONS[c][4])]
    return [(c, k) for _, c, k in sorted(todo)]


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("out", type=Path)
    p.add_argument("--seed", type=int, default=2026)
    p.add_argument("--only", nargs="*", choices=list(CONDITIONS), default=list(CONDITIONS))
    p.add_argument("--limit", type=int, default=None)
    p.add_argument("--part", default="1/1", help="I/N: this process does every Nth data set")
    a = p.parse_args()
    i, n = map(int, a.part.split("/"))
    done = set()
    if a.out.exists():
        had = pd.read_csv(a.out).groupby(["condition", "data_set"]).method.nunique()
        done = {(c, k) for (c, k), m in had.items() if m >= len(methods_of(c, k))}
    new = not a.out.exists()
    with open(a.out, "a", newline="", encoding="utf-8") as f:
        w = csv.DictWriter(f, FIELDS)
        if new:
            w.writeheader()
        for c, k in [x for x in plan(a.only)[i - 1 :: n] if x not in done][: a.limit]:
            for row in list(one(c, k, a.seed)):
                w.writerow(
                    {name: f"{x:.5g}" if isinstance(x, float) else x for name, x in row.items()}
                )
            f.flush()


if __name__ == "__main__":
    main()
