"""Makes the frozen draws and fits beside this file: `python tests/frozen/remake.py`. Run it when a
program, a table or the kept form changes.

The CSV files are what CmdStan 2.37 itself wrote for tests/programs/eight_schools.stan, for id=1
and id=2:
    eight_schools sample num_samples=20 num_warmup=20 adapt delta=0.9 algorithm=hmc \\
        metric=unit_e stepsize=0.5 id=1 data file=eight_schools.data.json random seed=8 \\
        output file=eight_schools-1.csv sig_figs=10
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))


def eight_schools():
    from frozen_fits import EIGHT_SCHOOLS, LABELS

    from schoolvar.sampling import draws as engine_draws
    from schoolvar.sampling import engine

    program = HERE.parent / "programs" / "eight_schools.stan"
    idata = engine.sample(
        program,
        EIGHT_SCHOOLS,
        seed=8,
        warmup=300,
        draws=400,
        step_size=0.5,
        adapt_delta=0.95,
        metric="diag_e",
        engine="stanli",
        cache=False,
        keep=["mu", "tau", "theta", "log_lik"],
        dims=dict(theta=["school"], log_lik=["school"]),
        coords=dict(school=LABELS),
    )
    # of no interest, and different each time
    idata.attrs["timings"] = '{"compile": 0.02, "sampling": 0.05}'
    engine_draws.save_draws(idata, HERE / "eight_schools.nc", compress=True)


def models():
    """One small province, the default fit of each model.

    Its tables are of all draws, of which about 60 a chain are kept
    """
    from schoolvar.achievement.fit import fit_achievement
    from schoolvar.consistency.fit import fit_consistency
    from schoolvar.data.simulate import simulate_province
    from schoolvar.sampling import draws as engine_draws
    from schoolvar.value_added.fit import fit_value_added

    province = simulate_province(3, 24, seed=5, n_planted=2)
    counts, scores = tables(province)
    run = dict(seed=5, engine="stanli", cache=False)
    for name, fit in dict(
        consistency=fit_consistency(scores, **run),
        achievement=fit_achievement(counts, grade=3, model="M3", **run),
        value_added=fit_value_added(counts, **run),
    ).items():
        groups = engine_draws.groups_of(fit.idata)
        step = groups["posterior"].sizes["draw"] // 60
        fit.idata = engine_draws.bundle(
            {
                k: g.isel(draw=slice(None, None, step)).map(
                    lambda v: v.astype(np.float32) if v.dtype == float else v
                )
                for k, g in groups.items()
            },
            dict(fit.idata.attrs) | dict(timings='{"compile": 0.02, "sampling": 0.5}'),
        )
        fit.manifest |= dict(
            created="2026-11-22T00:00:00+00:00",
            timings=dict(read=0.01, compile=0.02, sampling=0.5, total=0.53),
        )
        fit.files.clear()
        fit.save(HERE / name)
        print(fit, sum(p.stat().st_size for p in (HERE / name).iterdir()) // 1000, "kB")


def tables(province):
    "Counts and scores of a province, as the readers give them"
    from schoolvar.data.counts import read_counts
    from schoolvar.data.scores import read_scores

    counts, scores = province.counts, province.scores
    if hasattr(counts, "columns"):
        counts = read_counts(counts)
    if hasattr(scores, "columns"):
        scores = read_scores(scores, school="school_id", district="district_id")
    return counts, scores


if __name__ == "__main__":
    eight_schools()
    models()
