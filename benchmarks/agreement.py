"""Posteriors beside long runs of plain textbook programs: differences of means in Monte Carlo
errors, stored for the site.

    python benchmarks/agreement.py                           every case: the reference, then ours
    python benchmarks/agreement.py saeb --reference          the reference again
    python benchmarks/agreement.py saeb M3 --engine cmdstan  ours by another engine
    python benchmarks/agreement.py published                 published figures beside ours

A reference that is stored is not made again without `--reference`.

References are stored in nbs/studies/stored/reference_<case>, comparisons in
agreement_<case>_<engine>, each with the story of its run. Saeb and Pennsylvania's counts are
read from SCHOOLVAR_DATA, else fetched from their publishers.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import textbook

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "nbs/studies/stored"
SEED, DRAWS = 11, 10_000
# one iteration kept of every so many: ten thousand draws that hardly remember the one before
THIN = {"M1": 12, "M2": 6, "M3": 8, "saeb": 10}


# ---- the cases: data, the reference's quantities, and ours by every way to them


def counts_of_100_schools():
    from schoolvar.data.counts import read_counts
    from schoolvar.data.simulate import simulate_counts

    return read_counts(
        simulate_counts(
            100,
            years=(2022, 2023, 2024),
            subjects=("Math", "Reading"),
            sd_school=0.6,
            sd_cohort=0.35,
            sd_subject=0.25,
            students=30,
            seed=SEED,
        ).frame
    )


def achievement_case(model):
    """Program and data of the reference.

    Its quantities; ways to ours: name -> (engine) -> draws, and their quantities
    """
    from schoolvar.achievement.design import prepare
    from schoolvar.achievement.fit import fit_achievement
    from schoolvar.achievement.ladder import LEVELS

    counts = counts_of_100_schools()
    sds = {f"sd_{k}": f"sd_{k}" for k in LEVELS[model]}

    def fit(**settings):
        def run(engine):
            how = dict(seed=SEED + 1, engine=engine, progress=False, cache=False)
            return fit_achievement(counts, model=model, **how, **settings).idata

        return run

    ways = {
        "as it comes": fit(),
        "four chains, metric learned": fit(metric="diag_e"),
        "small steps": fit(adapt_delta=0.95),
        "two long chains": fit(chains=2, draws=1500),
    }
    return (
        textbook.achievement(prepare(counts, model)[1], model),
        sds | {"fixed": "fixed", "school": "effect"},
        {w: (f, sds | {"fixed": "fixed", "school": "school"}) for w, f in ways.items()},
    )


def saeb_scores():
    from schoolvar.data.datasets import dataset
    from schoolvar.data.scores import read_scores

    return read_scores(
        dataset("saeb").assign(one=1.0),
        school="school_id",
        score="math_proficiency",
        covariates=["one"],
    )


def saeb_case():
    "The published study's model with random intercepts, by each of our three programs"
    scores = saeb_scores()
    program, data = textbook.consistency(scores.schools.school, scores.students)
    names = dict(
        location_intercept="location",
        scale_intercept="scale",
        sd_location="sd_location",
        sd_scale="sd_scale",
        correlation="correlation",
        mu="mu",
        pip="pip",
    )
    ways = {
        "sufficient statistics, as it comes": whole_fit(scores),
        "sufficient statistics, one long chain": whole_fit(scores, chains=1, draws=4000),
        "students": by_program(scores, data, "consistency_students"),
        "slopes": by_program(scores, data, "consistency_slopes"),
    }
    return (program, data), names, ways


def whole_fit(scores, **settings):
    "The fit as a user makes it, and its quantities"
    from schoolvar.consistency.fit import fit_consistency
    from schoolvar.consistency.model import make_model
    from schoolvar.consistency.posterior import population_names

    settings = dict(seed=SEED + 1, progress=False, cache=False) | settings

    def run(engine):
        return fit_consistency(scores, engine=engine, **settings).idata

    names = population_names(make_model(scores), False, False)
    return run, names | {"mu": "mu", "pip": "included"}


def by_program(scores, data, program):
    "Intercepts only, by a program that is more than they need, and its quantities"
    from schoolvar.consistency.fit import run_settings
    from schoolvar.consistency.model import inclusion_data, make_model, program_data
    from schoolvar.consistency.posterior import KEEP, derived, population_names
    from schoolvar.consistency.whitening import Blocks
    from schoolvar.sampling.engine import sample

    model, J = make_model(scores), len(scores.schools)
    slopes = program == "consistency_slopes"
    one = np.ones((data["N"], 1))
    model = replace(
        model,
        program=program,
        X=one,
        W=one,
        y=data["y"],
        blocks=Blocks.of(scores.schools.n.values),
        E=np.ones((data["N"], 2)) if slopes else None,
    )
    ours = program_data(model, scores.mean, scores.sd, inclusion_data(0.5, None, J)[0])[0]
    settings = run_settings(J) | (dict(draws=400) if slopes else {})

    def run(engine):
        how = dict(seed=SEED + 1, engine=engine, inits=0.5, keep=KEEP[program])
        idata = sample(program, ours, progress=False, cache=False, **how, **settings)
        derived(model, idata)
        return idata

    names = dict(population_names(model, False, False))
    return run, names | {"mu": "mu", "pip": "included"}


def case(name):
    return saeb_case() if name == "saeb" else achievement_case(name)


PROGRAMS = {"saeb": ["consistency_schools", "consistency_students", "consistency_slopes"]} | {
    m: ["achievement"] for m in textbook.TERMS
}


# ---- references and differences


def numbers(idata, names, thin=1):
    """One row a scalar.

    Mean, SD and their Monte Carlo errors, R-hat, effective draws, and the correlation of a draw
    with the one before
    """
    from schoolvar.sampling.diagnostics import convergence, mcse_mean, pick

    rows = []
    for name, of in names.items():
        x = pick(idata, {name: of})[1][:, ::thin]
        c = convergence(x)
        d = x - x.mean((0, 1))
        lag = (d[:, 1:] * d[:, :-1]).mean((0, 1)) / np.maximum(d.var((0, 1)), 1e-300)
        kind = name if x.shape[2] > 1 else "population"
        sd = x.std((0, 1), ddof=1)
        rows.append(
            pd.DataFrame(
                dict(
                    parameter=[name]
                    if x.shape[2] == 1
                    else [f"{name}[{i}]" for i in range(x.shape[2])],
                    kind=kind,
                    mean=x.mean((0, 1)),
                    sd=sd,
                    mcse=mcse_mean(x),
                    sd_mcse=mcse_mean(d**2) / (2 * np.maximum(sd, 1e-300)),
                    r_hat=c["r_hat"],
                    ess_bulk=c["ess_bulk"],
                    ess_tail=c["ess_tail"],
                    lag_one=lag,
                )
            )
        )
    return pd.concat(rows, ignore_index=True)


def make_reference(name):
    "The long run, its summary stored with the draws of the population's parameters"
    from schoolvar.calibration.stored import store_summary
    from schoolvar.sampling.cache import content_hash
    from schoolvar.sampling.engine import sample

    (program, data), names, _ = case(name)
    clock, thin = time.perf_counter(), THIN[name]
    idata = sample(
        program,
        data,
        seed=SEED,
        warmup=1000,
        draws=DRAWS * thin // 4,
        metric="diag_e",
        step_size=0.1,
        adapt_delta=0.9,
        inits=0.5,
        keep=list(names.values()),
        cache=False,
    )
    t = numbers(idata, names, thin)
    few = {
        k: idata.posterior[v].values[:, ::thin].astype("float32").ravel()
        for k, v in names.items()
        if idata.posterior[v].ndim == 2
    }
    worst = dict(
        r_hat=float(t.r_hat.max()),
        ess_bulk=float(t.ess_bulk.min()),
        lag_one=float(t.lag_one.max()),
        divergent=int(idata.sample_stats.diverging.values.sum()),
    )
    store_summary(
        STORED / f"reference_{name.lower()}",
        {"reference": t, "draws": pd.DataFrame(few)},
        programs=[program],
        data={name: content_hash({k: np.asarray(v) for k, v in data.items()})},
        settings=dict(
            seed=SEED,
            case=name,
            draws=DRAWS,
            thinned=thin,
            chains=4,
            warmup=1000,
            engine=idata.attrs["engine"],
            **worst,
        ),
        seconds=time.perf_counter() - clock,
        command=f"python benchmarks/agreement.py {name} --reference",
    )
    print(
        (
            f"reference of {name}: {DRAWS:,} draws of {DRAWS * thin:,}, R-hat at most "
            f"{worst['r_hat']:.4f}, effective draws at least {worst['ess_bulk']:.0f}, "
            f"correlation with the draw before at most {worst['lag_one']:.2f}, "
            f"{worst['divergent']} divergent; {time.perf_counter() - clock:.0f} s"
        ),
        flush=True,
    )


def compare(name, engine):
    "Ours by every way, less the reference, in Monte Carlo errors of both"
    from schoolvar.calibration.stored import load_summary, store_summary

    tables, manifest = load_summary(STORED / f"reference_{name.lower()}")
    b, parts, clock = tables["reference"].set_index("parameter"), [], time.perf_counter()
    for way, (run, names) in case(name)[2].items():
        start = time.perf_counter()
        idata = run(engine)
        a = numbers(idata, names).set_index("parameter")
        if list(a.index) != list(b.index):
            raise SystemExit(f"{name}, {way}: the quantities differ from the reference's")
        parts.append(
            pd.DataFrame(
                dict(
                    way=way,
                    parameter=a.index,
                    kind=a.kind.values,
                    mean=a["mean"].values,
                    reference=b["mean"].values,
                    sd=a.sd.values,
                    reference_sd=b.sd.values,
                    draws=idata.posterior.sizes["chain"] * idata.posterior.sizes["draw"],
                    z_mean=((a["mean"] - b["mean"]) / np.hypot(a.mcse, b.mcse)).values,
                    z_sd=((a.sd - b.sd) / np.hypot(a.sd_mcse, b.sd_mcse)).values,
                    seconds=time.perf_counter() - start,
                )
            )
        )
        z = parts[-1].z_mean
        print(
            (
                f"{name}, {engine}, {way}: {len(z)} quantities, SD of differences "
                f"{z.std():.2f} (1 expected), at most {z.abs().max():.1f} Monte Carlo errors"
            ),
            flush=True,
        )
    store_summary(
        STORED / f"agreement_{name.lower()}_{engine}",
        {"differences": pd.concat(parts, ignore_index=True)},
        programs=PROGRAMS[name],
        data=manifest["data"],
        settings=dict(seed=SEED, case=name, engine=engine, version=idata.attrs["engine_version"]),
        seconds=time.perf_counter() - clock,
        command=f"python benchmarks/agreement.py {name} --engine {engine}",
    )


# ---- published figures

SAEB, PA = "Saeb 2021, Rio de Janeiro", "Pennsylvania, grade 3, 2017 to 2019"
CARMO, IVD, LME4 = "Carmo (2025)", "R package ivd", "lme4::glmer, point estimates"
PUBLISHED = [
    (SAEB, "intercepts", "location_intercept", 0.115, 0.055, 0.174, CARMO),
    (SAEB, "intercepts", "scale_intercept", -0.235, -0.253, -0.217, CARMO),
    *(
        (SAEB, "student_ses * school_ses in both", q, v, None, None, IVD)
        for q, v in (
            ("location_intercept", 0.130),
            ("location[student_ses]", 0.081),
            ("location[school_ses]", 0.68),
            ("location[student_ses:school_ses]", -0.023),
            ("scale_intercept", -0.234),
            ("scale[student_ses]", 0.031),
            ("scale[school_ses]", 0.118),
            ("scale[student_ses:school_ses]", 0.074),
            ("sd_location", 0.268),
            ("sd_scale", 0.080),
            ("correlation", -0.68),
        )
    ),
    *(
        (PA, "M3", q, v, None, None, LME4)
        for q, v in (("sd_school", 0.987), ("sd_cohort", 0.234), ("sd_subject", 0.138))
    ),
]


def published():
    "Published figures beside ours: mean, interval, and the distance in posterior SDs"
    from schoolvar.achievement.fit import fit_achievement
    from schoolvar.calibration.stored import store_summary
    from schoolvar.consistency.fit import fit_consistency
    from schoolvar.core.formula import centre_within
    from schoolvar.data.counts import read_counts
    from schoolvar.data.datasets import dataset
    from schoolvar.data.scores import read_scores
    from schoolvar.sampling.cache import content_hash

    clock, saeb, pa = time.perf_counter(), dataset("saeb"), dataset("pennsylvania")

    def read(frame, **k):
        return read_scores(frame, school="school_id", score="math_proficiency", **k)

    both = "student_ses * school_ses + (1 | school_id)"
    fits = {
        (SAEB, "intercepts"): fit_consistency(read(saeb)),
        (SAEB, "student_ses * school_ses in both"): fit_consistency(
            read(
                centre_within(saeb, "student_ses", mean_as="school_ses"),
                covariates=["student_ses", "school_ses"],
            ),
            location=both,
            scale=both,
        ),
        (PA, "M3"): fit_achievement(read_counts(pa, grade=3, years=[2017, 2018, 2019]), model="M3"),
    }
    t = pd.DataFrame(
        PUBLISHED,
        columns=[
            "data",
            "model",
            "parameter",
            "published",
            "published_lower",
            "published_upper",
            "source",
        ],
    )
    ours = pd.DataFrame(
        [fits[d, m].parameter(q) for d, m, q in zip(t.data, t.model, t.parameter, strict=True)]
    ).reset_index(drop=True)
    t = t.assign(
        ours=ours["mean"],
        ours_lower=ours["q2.5"],
        ours_upper=ours["q97.5"],
        sds=(ours["mean"] - t.published) / ours.sd,
    )
    store_summary(
        STORED / "published",
        {"published": t},
        programs=["consistency_schools", "consistency_students", "achievement"],
        data={
            "saeb": content_hash(saeb.to_csv(index=False)),
            "pennsylvania": content_hash(pa.to_csv(index=False)),
        },
        settings=dict(seed=1, ok=all(f.ok for f in fits.values())),
        seconds=time.perf_counter() - clock,
        command="python benchmarks/agreement.py published",
    )
    print(t.to_string(index=False))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "cases", nargs="*", help="saeb, M1, M2, M3, published; all of them where none is given"
    )
    parser.add_argument("--reference", action="store_true", help="make the reference again")
    parser.add_argument("--engine", default="stanli", choices=["stanli", "cmdstan"])
    args = parser.parse_args()
    if unknown := [c for c in args.cases if c not in (*THIN, "published")]:
        parser.error(f"there is no case {unknown[0]}; there are: {', '.join(THIN)}, published")
    for name in args.cases or (*THIN, "published"):
        if name == "published":
            published()
            continue
        if args.reference or not (STORED / f"reference_{name.lower()}").is_dir():
            make_reference(name)
        compare(name, args.engine)


if __name__ == "__main__":
    main()
