"""Every program and option, fitted by stanli and by CmdStan: are the posteriors the same, and what
does each take?

    CMDSTAN=... python benchmarks/both_engines.py     stored in nbs/studies/stored/engines

Times are processor seconds, which other work on the machine changes less than the clock's: of
compiling, by program, and of sampling, per thousand draws. tests/test_models_on_both_engines.py holds the same
fits to agreement.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

STORED = Path(__file__).resolve().parent.parent / "nbs/studies/stored/engines"
SEED = 1


def scores(**about):
    from schoolvar.data.scores import read_scores
    from schoolvar.data.simulate import simulate_scores

    frame = simulate_scores(**dict(n_schools=60, students=30, ses_slope=0.1, seed=4) | about).frame
    return read_scores(frame, covariates=["student_ses"])


def consistency(students=30, draws=None, **options):
    def fit(sampler=None, **how):
        from schoolvar.consistency.fit import fit_consistency

        sampler = (sampler or {}) | dict(draws=draws)
        return fit_consistency(scores(students=students), sampler=sampler, **options, **how)

    return fit


def achievement(**options):
    options = dict(options)
    with_ses = options.pop("ses", False)

    def fit(**how):
        from schoolvar.achievement.fit import fit_achievement
        from schoolvar.data.counts import read_counts
        from schoolvar.data.simulate import simulate_counts

        frame = simulate_counts(60, seed=4).frame
        ids = sorted(frame["school_id"].unique())
        place = dict(zip(ids, [f"D{i % 9}" for i in range(len(ids))], strict=True))
        frame["district_id"] = frame["school_id"].map(place)
        ses = pd.DataFrame(dict(school_id=ids, ses=np.sin(np.arange(len(ids)))))
        covariates = dict(covariates=ses) if with_ses else {}
        return fit_achievement(read_counts(frame), **options, **covariates, **how)

    return fit


def value_added(method):
    def fit(**how):
        from schoolvar.data.counts import read_counts
        from schoolvar.data.simulate import simulate_two_grades
        from schoolvar.value_added.fit import fit_value_added

        counts = read_counts(simulate_two_grades(80, seed=4).frame)
        return fit_value_added(counts, method=method, compare_methods=False, **how)

    return fit


# few students, because each costs an evaluation for every pattern of indicators
_SLOPES = dict(students=10, draws=400, location="student_ses + (1 + student_ses | school_id)")
FITS = {
    "consistency": consistency(),
    "consistency, inclusion learned": consistency(prior_inclusion="learn"),
    "consistency, covariates": consistency(location="student_ses", scale="student_ses"),
    "consistency, Student-t": consistency(likelihood="student"),
    "consistency, slopes": consistency(**_SLOPES),
    "consistency, slopes, two indicators": consistency(
        **_SLOPES, select=("location[student_ses]", "scale_intercept")
    ),
    "M0": achievement(model="M0"),
    "M1": achievement(model="M1"),
    "M2": achievement(model="M2"),
    "M2, covariates": achievement(model="M2", ses=True),
    "M2, districts": achievement(model="M2", districts=True),
    "M3": achievement(model="M3"),
    "M3, row effects": achievement(model="M3", overdispersion="row"),
    "M3, beta-binomial": achievement(model="M3", overdispersion="betabinomial"),
    "M3, rows kept": achievement(model="M3", pointwise=True),
    "value added, joint": value_added("joint"),
    "value added, measurement error": value_added("me"),
    "value added, naive": value_added("naive"),
}

# Their data are draws of a first fit by the same engine: what that errs by is not in `distances`.
TWO_STAGES = ("value added, measurement error", "value added, naive")


def distances(one, other):
    "Differences of the means of all that was kept, in Monte Carlo errors of both"
    from schoolvar.sampling.diagnostics import mcse_mean

    z = []
    for name in one.posterior.data_vars:
        x, y = (d.posterior[name].values.astype(float) for d in (one, other))
        x, y = (v.reshape(*v.shape[:2], -1) for v in (x, y))
        # degrees of freedom are infinite where the likelihood is normal
        varies = np.isfinite(x).all((0, 1)) & np.isfinite(y).all((0, 1))
        x, y = x[..., varies], y[..., varies]
        varies = (x.std((0, 1)) > 1e-9) & (y.std((0, 1)) > 1e-9)
        x, y = x[..., varies], y[..., varies]
        if varies.any():
            z.append((x.mean((0, 1)) - y.mean((0, 1))) / np.hypot(mcse_mean(x), mcse_mean(y)))
    return np.concatenate(z)


def processor_seconds():
    "Of this process and of those that it waited for"
    return sum(os.times()[:4])


def metered(runner, spent):
    "A runner of an engine, and what its runs took"

    def run(name, text, data, s, *rest):
        if runner.__name__ == "run_cmdstan":
            from schoolvar.sampling.cmdstan import compile_cmdstan

            compile_cmdstan(name, text)  # not part of sampling
        clock = processor_seconds()
        found = runner(name, text, data, s, *rest)
        draws = s["chains"] * (s["warmup"] + s["draws"])
        spent.append((processor_seconds() - clock, draws))
        return found

    return run


def compared(name):
    "A case by both engines: one row"
    from schoolvar.sampling import engine

    fits, rates = {}, {}
    for number, run in enumerate(("stanli", "cmdstan")):
        spent, plain = [], getattr(engine, f"run_{run}")
        setattr(engine, f"run_{run}", metered(plain, spent))
        try:
            fits[run] = FITS[name](
                engine=run, seed=SEED + number, sampler=dict(cache=False, progress=False)
            )
        finally:
            setattr(engine, f"run_{run}", plain)
        rates[run] = 1000 * sum(s for s, _ in spent) / sum(d for _, d in spent)
    z = distances(fits["stanli"].idata, fits["cmdstan"].idata)
    return dict(
        case=name,
        program=fits["stanli"].manifest["run"]["program"],
        quantities=len(z),
        sd_of_differences=z.std(),
        largest=np.abs(z).max(),
        beyond_two=(np.abs(z) > 2).mean(),
        both_pass=all(f.ok for f in fits.values()),
        stanli_per_thousand=rates["stanli"],
        cmdstan_per_thousand=rates["cmdstan"],
        cmdstan_over_stanli=rates["cmdstan"] / rates["stanli"],
    ), fits["cmdstan"].manifest["run"]


def compiling():
    "Each program, compiled into an empty cache"
    import stanli

    from schoolvar.sampling.cmdstan import compile_cmdstan
    from schoolvar.sampling.programs import read_program, stan_folder

    rows, before = [], os.environ.get("SCHOOLVAR_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SCHOOLVAR_CACHE"] = folder
        for path in sorted(stan_folder().glob("*.stan")):
            name, text = read_program(path)
            clock = processor_seconds()
            compile_cmdstan(name, text)
            middle = processor_seconds()
            stanli.stan_to_mir(text)
            took = dict(stanli=processor_seconds() - middle, cmdstan=middle - clock)
            rows.append(dict(program=name, **took))
            print(rows[-1], flush=True)
    os.environ.pop("SCHOOLVAR_CACHE")
    if before is not None:
        os.environ["SCHOOLVAR_CACHE"] = before
    return pd.DataFrame(rows)


def main():
    import stanli

    from schoolvar.calibration.stored import store_summary
    from schoolvar.core.files import content_hash

    clock, rows = time.perf_counter(), []
    compiled = compiling()
    for name in FITS:
        row, run = compared(name)
        rows.append(row)
        print(row, flush=True)
    store_summary(
        STORED,
        {"engines": pd.DataFrame(rows), "compiling": compiled},
        programs=sorted(compiled.program),
        data={"simulated": content_hash(list(FITS))},
        settings=dict(
            seed=SEED,
            stanli=stanli.__version__,
            cmdstan=run["engine_version"],
            compiler=run["compiler"],
        ),
        seconds=time.perf_counter() - clock,
        command="python benchmarks/both_engines.py",
    )


if __name__ == "__main__":
    main()
