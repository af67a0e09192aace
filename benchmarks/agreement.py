"""Posteriors beside long runs of plain textbook programs: differences of means in Monte Carlo errors, stored for the site.

    python benchmarks/agreement.py M1 M3 --draws 10000           simulated counts of 100 schools
    python benchmarks/agreement.py M3 --engine cmdstan           the same by another engine, where it is

A case is stored in nbs/studies/stored/agreement_<case>_<engine> with the story of its run.
"""
import argparse
import json
from pathlib import Path
import time

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "nbs/studies/stored"
SEED = 11
# M3 as any textbook writes it: effects non-centred, no coordinates; M1 and M2 leave terms out.
TEXTBOOK = """
data {{
  int N; int F; int J; int C; int P;
  array[N] int y; array[N] int n; array[N] int cell; array[N] int school; array[N] int cohort; array[N] int subject;
}}
parameters {{
  vector[F] fixed; real<lower=0> sd_school; real<lower=0> sd_cohort; real<lower=0> sd_subject;
  vector[J] a; vector[C] b; vector[P] p;
}}
model {{
  mean(fixed) ~ normal(0, 2.5);
  fixed - mean(fixed) ~ normal(0, 2.5);
  sd_school ~ student_t(3, 0, 2.5); sd_cohort ~ student_t(3, 0, 2.5); sd_subject ~ student_t(3, 0, 2.5);
  a ~ std_normal(); b ~ std_normal(); p ~ std_normal();
  y ~ binomial_logit(n, fixed[cell] + sd_school * a[school] {terms});
}}
generated quantities {{ vector[J] school_effect = sd_school * a; }}
"""
TERMS = {"M1": "", "M2": "+ sd_cohort * b[cohort]", "M3": "+ sd_cohort * b[cohort] + sd_subject * p[subject]"}


def scalars(idata, names):
    "Mean, SD and their Monte Carlo errors of each scalar."
    from schoolvar.diagnostics import parameters_table
    t = parameters_table(idata, names).set_index("parameter")
    return t.assign(sd_error=t.sd / np.sqrt(2 * t.ess_bulk))       # of a normal quantity


def compare(model, schools, draws, engine):
    "One case: the reference, ours, and their differences."
    from schoolvar.achievement import fit_achievement, prepare
    from schoolvar.coordinates import LEVELS
    from schoolvar.data import read_counts
    from schoolvar.engine import sample
    from schoolvar.simulate import simulate_counts
    counts = read_counts(simulate_counts(schools, years=(2022, 2023, 2024), subjects=("Math", "Reading"), sd_school=.6, sd_cohort=.35, sd_subject=.25, students=30, seed=SEED).frame)
    d, levels = prepare(counts, model)[1], LEVELS[model]
    data = dict(N=len(d.y), F=d.F, J=d.J, C=d.C, P=d.P, y=d.y, n=d.n, cell=d.cell + 1, school=d.school + 1, cohort=d.cohort + 1, subject=d.subject + 1)
    sds = [f"sd_{k}" for k in levels]
    reference = sample(TEXTBOOK.format(terms=TERMS[model]), data, seed=SEED, warmup=1000, draws=draws // 4, metric="diag_e", step_size=.5, adapt_delta=.95, keep=["fixed", "school_effect", *sds], progress=False)
    ours = fit_achievement(counts, model=model, seed=SEED + 1, engine=engine, progress=False)
    b = scalars(reference, [*sds, "fixed", "school_effect"])
    a = scalars(ours.idata, {**{s: s for s in sds}, "fixed": "fixed", "school_effect": "school"})
    a.index = [i for s in (sds, [f"fixed[{k}]" for k in range(d.F)], [f"school[{k}]" for k in range(d.J)]) for i in s]
    b.index = a.index
    table = pd.DataFrame(dict(parameter=a.index, kind=["sd"] * len(sds) + ["cell"] * d.F + ["school"] * d.J, mean=a["mean"].values, reference=b["mean"].values, sd=a.sd.values, reference_sd=b.sd.values,
                              z_mean=((a["mean"] - b["mean"]) / np.hypot(a.mcse_mean, b.mcse_mean)).values, z_sd=((a.sd - b.sd) / np.hypot(a.sd_error, b.sd_error)).values, reference_r_hat=b.r_hat.values, reference_ess=b.ess_bulk.values))
    return table, ours, reference


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", choices=list(TERMS))
    parser.add_argument("--schools", type=int, default=100)
    parser.add_argument("--draws", type=int, default=10_000, help="of the reference, in four chains")
    parser.add_argument("--engine", default="stanli", choices=["stanli", "cmdstan"])
    args = parser.parse_args()
    from schoolvar.cache import content_hash
    from schoolvar.stored import store_summary
    for model in args.models:
        clock = time.perf_counter()
        table, ours, reference = compare(model, args.schools, args.draws, args.engine)
        store_summary(STORED / f"agreement_{model.lower()}_{args.engine}", {"differences": table}, programs=[f"achievement_{model.lower()}"], data={"simulated counts": ours.idata.attrs["data_sha256"]},
                      settings=dict(seed=SEED, model=model, engine=args.engine, schools=args.schools, reference_draws=args.draws, reference_program=content_hash(TEXTBOOK.format(terms=TERMS[model])), ours=json.loads(ours.idata.attrs["settings"])),
                      seconds=time.perf_counter() - clock, command=f"python benchmarks/agreement.py {model} --schools {args.schools} --draws {args.draws} --engine {args.engine}")
        print(f"{model}: {len(table)} quantities, differences of means {table.z_mean.std():.2f} (1 expected) at most {table.z_mean.abs().max():.1f} Monte Carlo errors; reference R-hat at most {table.reference_r_hat.max():.4f}, ESS at least {table.reference_ess.min():.0f}", flush=True)


if __name__ == "__main__":
    main()
