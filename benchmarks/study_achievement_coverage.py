"""Do the 95 % intervals of M3 hold the truth? Data sets simulated as in the reference study (SDs .63, .395, .063; three years,
three subjects, about 37 students a row), fitted one by one. A row a data set and parameter is added to the stored file, so a
run that was interrupted goes on where it stopped.

    python benchmarks/study_achievement_coverage.py --sets 200 --schools 200
"""

import argparse
from pathlib import Path

import pandas as pd

STORED = Path(__file__).resolve().parent.parent / "nbs/studies/stored/achievement_coverage.csv"
TRUTH = dict(sd_school=0.63, sd_cohort=0.395, sd_subject=0.063)


def one(k, schools):
    "Intervals and truth of data set `k`, a row a parameter"
    from schoolvar.achievement.fit import fit_achievement
    from schoolvar.data.counts import read_counts
    from schoolvar.data.simulate import simulate_counts

    province = simulate_counts(schools, students=37, seed=10_000 + k, **TRUTH)
    fit = fit_achievement(
        read_counts(province.frame),
        model="M3",
        seed=k,
        sampler=dict(chains=2, draws=500, warmup=120, rounds=1, cache=False, progress=False),
    )
    t = fit.parameters[
        ["parameter", "mean", "q2.5", "q97.5", "ess_bulk", "ess_tail", "r_hat"]
    ].assign(truth=lambda t: t.parameter.map(province.parameters))
    return t.assign(data_set=k, schools=schools)[
        [
            "data_set",
            "schools",
            "parameter",
            "truth",
            "mean",
            "q2.5",
            "q97.5",
            "ess_bulk",
            "ess_tail",
            "r_hat",
        ]
    ].round(5)


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--sets", type=int, default=200)
    p.add_argument("--schools", type=int, default=200)
    a = p.parse_args()
    done = set(pd.read_csv(STORED).data_set) if STORED.exists() else set()
    for k in range(a.sets):
        if k in done:
            continue
        t = one(k, a.schools)
        STORED.parent.mkdir(parents=True, exist_ok=True)
        t.to_csv(STORED, mode="a", header=not STORED.exists(), index=False, lineterminator="\n")
    t = pd.read_csv(STORED)
    t["covered"] = (t["q2.5"] <= t.truth) & (t.truth <= t["q97.5"])
    print(t.groupby("parameter").covered.agg(["mean", "size"]), t.covered.mean(), sep="\n")
