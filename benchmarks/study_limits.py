"""Where the consistency method fails: simulated data sets along one condition at a time, a row a
fit.

    python benchmarks/study_limits.py                 about ten minutes of processor time
    python benchmarks/study_limits.py tails --sets 50

Stored in nbs/studies/stored/limits.csv; rows that are there are not made again. 100 schools, one
in five unusual where any is.
"""

import argparse
import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

STORED = Path(__file__).resolve().parent.parent / "nbs" / "studies" / "stored" / "limits.csv"
SCHOOLS, STUDENTS, SHARE, WIDE, NEAR_ZERO = 100, 70, 0.2, 0.31, 0.08


def school_effects(rng, slab, share=SHARE, schools=SCHOOLS):
    "Scale effects of a spike and a slab"
    return np.where(rng.random(schools) < share, rng.normal(0, slab, schools), 0.0)


def scores(rng, t, n, noise=None, mean=0.0):
    """Students of schools with log-SD effects `t`.

    `noise` draws residuals of SD one, `mean` is added to each student's expectation
    """
    j = np.repeat(np.arange(len(t)), n)
    e = rng.standard_normal(len(j)) if noise is None else noise(len(j))
    return pd.DataFrame(
        {
            "school_id": np.char.add("s", np.char.zfill(j.astype(str), 3)),
            "score": rng.normal(0, 0.4, len(t))[j] + mean + 0.8 * np.exp(t[j]) * e,
        }
    )


# ---- conditions: each gives a table of students, the schools' effects, and how to fit them


def students_per_school(rng, x, slab):
    t = school_effects(rng, slab)
    return scores(rng, t, np.full(SCHOOLS, int(x))), t, {}


def tails(rng, x, fitted):
    "No school is unusual; residuals are Student-t with `x` degrees of freedom (200: nearly normal)"
    t = np.zeros(SCHOOLS)
    return (
        scores(
            rng,
            t,
            np.full(SCHOOLS, STUDENTS),
            lambda k: rng.standard_t(x, k) * np.sqrt((x - 2) / x),
        ),
        t,
        dict(likelihood="student") if fitted == "Student-t likelihood" else {},
    )


def ceiling(rng, x, _):
    "No school is unusual; the best share `x` of all scores is cut to one value"
    t = np.zeros(SCHOOLS)
    frame = scores(rng, t, np.full(SCHOOLS, STUDENTS))
    return (
        frame.assign(
            score=frame.score.clip(upper=frame.score.quantile(1 - x)) if x else frame.score
        ),
        t,
        {},
    )


def unequal_sizes(rng, x, slab):
    "Sizes log-normal with SD `x` of the log"
    t = school_effects(rng, slab)
    return (
        scores(rng, t, np.maximum(np.exp(rng.normal(np.log(STUDENTS), x, SCHOOLS)), 2).astype(int)),
        t,
        {},
    )


def size_and_spread(rng, x, _):
    "Effects of unusual schools have correlation `x` with the log of the size"
    z = rng.standard_normal((2, SCHOOLS))
    t = np.where(rng.random(SCHOOLS) < SHARE, WIDE * (x * z[0] + np.sqrt(1 - x**2) * z[1]), 0.0)
    return scores(rng, t, np.maximum(np.exp(np.log(STUDENTS) + 0.7 * z[0]), 2).astype(int)), t, {}


def everyone_differs(rng, x, _):
    "No spike: every school's log SD is normal with SD `x`, so that none is of another kind"
    t = rng.normal(0, x, SCHOOLS)
    return scores(rng, t, np.full(SCHOOLS, STUDENTS)), t, {}


def mean_left_out(rng, x, fitted):
    """No school is unusual.

    A covariate with slope `x`, more varied in some schools than in others, is left out of the
    mean or put in
    """
    t, n = np.zeros(SCHOOLS), np.full(SCHOOLS, STUDENTS)
    c = np.exp(rng.normal(0, 0.35, SCHOOLS)).repeat(STUDENTS) * rng.standard_normal(
        SCHOOLS * STUDENTS
    )
    return (
        scores(rng, t, n, mean=x * c).assign(c=c),
        t,
        dict(location="c", scale="1") if fitted == "in the mean" else {},
    )


TOPICS = {
    "students": (
        students_per_school,
        (5, 10, 20, 30, 50, 100, 200, 500),
        (f"slab SD {WIDE}", f"slab SD {NEAR_ZERO}"),
        16,
    ),
    "tails": (tails, (3, 4, 6, 10, 200), ("normal likelihood", "Student-t likelihood"), 16),
    "ceiling": (ceiling, (0.0, 0.05, 0.1, 0.2, 0.4), ("",), 16),
    "sizes": (unequal_sizes, (0.0, 0.5, 1.0, 1.5), (f"slab SD {WIDE}", f"slab SD {NEAR_ZERO}"), 16),
    "size and spread": (size_and_spread, (-0.9, -0.5, 0.0, 0.5, 0.9), ("",), 16),
    "everyone": (everyone_differs, (0.0, 0.05, 0.1, 0.2), ("",), 16),
    "mean": (mean_left_out, (0.0, 0.2, 0.4, 0.8), ("left out", "in the mean"), 16),
}
SLOW = {"Student-t likelihood": 4, "in the mean": 4}  # data sets where a fit takes seconds


def one(topic, x, series, k):
    "Fit data set `k` of a condition and count"
    warnings.simplefilter("ignore")
    from schoolvar.consistency.fit import fit_consistency
    from schoolvar.core.defaults import THRESHOLD
    from schoolvar.data.scores import read_scores

    # the series of one condition are fitted to the same data
    rng = np.random.default_rng([20261122, list(TOPICS).index(topic), TOPICS[topic][1].index(x), k])
    slab = float(series.split()[-1]) if series.startswith("slab") else None
    frame, t, how = TOPICS[topic][0](rng, x, slab if slab is not None else series)
    table = read_scores(
        frame, covariates=["c"] if "c" in frame else ["school_id"] if how.get("likelihood") else ()
    )
    fit = fit_consistency(
        table,
        seed=k + 1,
        sampler=dict(draws=250, rounds=1, cache=False, progress=False),
        **how,
    )
    s, slope = fit.schools, fit.parameters.set_index("parameter")
    place = s.school.str[1:].astype(int).to_numpy()
    t, n = t[place], s.n.to_numpy()
    unusual, flagged, large, big = (
        (t != 0) & (topic != "everyone"),
        s.pip.to_numpy() >= THRESHOLD,
        n > np.median(n),
        np.abs(t) > WIDE,
    )
    true_sd = 0.8 * np.exp(t)
    return dict(
        topic=topic,
        x=x,
        series=series,
        data_set=k,
        schools=len(s),
        students=int(n.sum()),
        unusual=int(unusual.sum()),
        flagged=int(flagged.sum()),
        true_positive=int((flagged & unusual).sum()),
        false_positive=int((flagged & ~unusual).sum()),
        big=int(big.sum()),
        big_found=int((flagged & big).sum()),
        large=int((large & unusual).sum()),
        large_found=int((large & unusual & flagged).sum()),
        flagged_large=int((flagged & large).sum()),
        undecided=int(((1 - s.pip < THRESHOLD) & (s.pip < THRESHOLD)).sum()),
        pip_of_flagged=round(float(s.pip[flagged].sum()), 3),
        more_consistent=int((flagged & (s.effect < 0)).sum()),
        sd_covered=int(((s.sd_lower <= true_sd) & (true_sd <= s.sd_upper)).sum()),
        sd_scale=round(slope.loc["sd_scale", "mean"], 4),
        r_hat=round(float(fit.parameters.r_hat.max()), 4),
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "topics", nargs="*", help=f"of: {', '.join(TOPICS)}; all of them where none is given"
    )
    parser.add_argument("--sets", type=int, help="data sets a point")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--store", type=Path, default=STORED)
    a = parser.parse_args()
    old = (
        pd.read_csv(a.store, keep_default_na=False)
        if a.store.exists()
        else pd.DataFrame(columns=["topic", "x", "series", "data_set"])
    )
    have = set(zip(old.topic, old.x, old.series, old.data_set, strict=True))
    jobs = [
        (topic, x, series, k)
        for topic in a.topics or TOPICS
        for x in TOPICS[topic][1]
        for series in TOPICS[topic][2]
        for k in range(a.sets or SLOW.get(series, TOPICS[topic][3]))
    ]
    with ProcessPoolExecutor(a.workers) as pool:
        for topic in a.topics or TOPICS:
            rows = (
                list(
                    pool.map(
                        one,
                        *zip(
                            *[
                                j
                                for j in jobs
                                if j[0] == topic and (j[0], float(j[1]), j[2], j[3]) not in have
                            ],
                            strict=True,
                        ),
                        chunksize=5,
                    )
                )
                if any(j[0] == topic and (j[0], float(j[1]), j[2], j[3]) not in have for j in jobs)
                else []
            )
            old = (
                pd.concat([old, pd.DataFrame(rows)], ignore_index=True)
                if len(old)
                else pd.DataFrame(rows)
            )
            old.to_csv(a.store, index=False, lineterminator="\n")
            print(f"{topic}: {len(rows)} fits", flush=True)


if __name__ == "__main__":
    main()
