"Made-up tables that tests draw: 57 schools of others with names that may not be told, and three."

import numpy as np
import pandas as pd

SECRET = "SECRETSCHOOL"
OURS = ["ours1", "ours2", "ours3"]


def names(count):
    "Ids of schools, ours last."
    return [f"{SECRET}{i}" for i in range(count - 3)] + OURS


def consistency_schools(count=60):
    "A `schools.csv` of a consistency fit."
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "school": names(count),
            "school_name": "HIDDENNAME",
            "n": 77771 + np.arange(count),
            "mean": rng.normal(size=count),
            "sd": rng.uniform(0.5, 1, count),
            "effect": rng.normal(0, 0.2, count),
            "pip": rng.random(count),
            "pip_mcse": 0.001,
            "district": "HIDDENDISTRICT",
        }
    )


def achievement_schools(count=60):
    "A `schools.csv` of an achievement fit."
    rng = np.random.default_rng(2)
    effect = rng.normal(0, 0.5, count)
    return pd.DataFrame(
        {
            "school": names(count),
            "n_trials": rng.integers(10, 400, count),
            "raw": rng.random(count),
            "estimate": rng.random(count),
            "effect": effect,
            "effect_lower": effect - 0.4,
            "effect_upper": effect + 0.4,
            "rank_lower": 1 + np.arange(count),
            "rank_upper": 5 + np.arange(count),
            "private": "HIDDENCOLUMN",
        }
    )
