"""Known truth: simulated data sets with no, and with one in ten, unusual schools; writes one row a fit.
The prior of inclusion is one half, and learned (half as many data sets).

    python benchmarks/consistency_truth.py [DATASETS] [FILE]

Setting of the published simulations of the method: 150 schools of 50 students, scale effects of the unusual ones with SD 0.31.
A fit needs about a second; the stored file (nbs/studies/stored/consistency_truth.csv) is what a study page shows.
"""

import sys
from pathlib import Path

import pandas as pd

from schoolvar.consistency.fit import fit_consistency
from schoolvar.consistency.inclusion import false_discovery_rate, flag_at_rate
from schoolvar.data.scores import read_scores
from schoolvar.data.simulate import simulate_scores

STORED = (
    Path(__file__).resolve().parent.parent / "nbs" / "studies" / "stored" / "consistency_truth.csv"
)
SCHOOLS, STUDENTS, SLAB = 150, 50, 0.31


def one(share, prior, seed):
    "Fit one simulated data set and count what was found and what was not."
    simulated = simulate_scores(
        n_schools=SCHOOLS, sizes=[STUDENTS] * SCHOOLS, sd_scale=SLAB, share_unusual=share, seed=seed
    )
    fit = fit_consistency(
        read_scores(simulated.frame),
        prior_inclusion=prior,
        seed=seed,
        sampler=dict(draws=250, rounds=1, cache=False, progress=False),
    )
    truth = simulated.truth.set_index("school").loc[fit.schools.school]
    unusual, pip = truth.unusual.to_numpy(), fit.schools.pip.to_numpy()
    flagged, chosen = pip >= 0.75, flag_at_rate(pip, 0.1)
    big = unusual & (truth.scale_effect.abs() > SLAB).to_numpy()
    inside = {
        p: bool(fit.parameter(p)["q2.5"] <= simulated.parameters[p] <= fit.parameter(p)["q97.5"])
        for p in ("location_intercept", "scale_intercept", "sd_location")
    }
    return dict(
        share=share,
        prior=prior,
        seed=seed,
        schools=SCHOOLS,
        unusual=int(unusual.sum()),
        flagged=int(flagged.sum()),
        true_positive=int((flagged & unusual).sum()),
        false_positive=int((flagged & ~unusual).sum()),
        big=int(big.sum()),
        big_found=int((flagged & big).sum()),
        expected_fdr=round(false_discovery_rate(pip, flagged), 4),
        chosen=int(chosen.sum()),
        chosen_false=int((chosen & ~unusual).sum()),
        **{f"covers_{k}": v for k, v in inside.items()},
        ess_bulk=round(fit.parameters.ess_bulk.min()),
        r_hat=round(fit.parameters.r_hat.max(), 4),
    )


if __name__ == "__main__":
    datasets, path = (
        int(sys.argv[1]) if len(sys.argv) > 1 else 200,
        Path(sys.argv[2]) if len(sys.argv) > 2 else STORED,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for prior, share, count in (
        (0.5, 0.0, datasets),
        (0.5, 0.1, datasets),
        ("learn", 0.1, datasets // 2),
        ("learn", 0.0, datasets // 2),
    ):
        for seed in range(1, count + 1):
            rows.append(one(share, prior, seed))
            if seed % 10 == 0 or seed == count:
                pd.DataFrame(rows).to_csv(path, index=False)
