"""Effective draws and seconds beside peers: the textbook's program, lme4, brms, bambi.

A peer that is not installed is left out; bench.py says how to get them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent


def case(model, schools):
    "Simulated counts, as the fit takes them and as a table for programs in R"
    from schoolvar.achievement.design import prepare
    from schoolvar.data.counts import read_counts
    from schoolvar.data.simulate import simulate_counts

    counts = read_counts(
        simulate_counts(
            schools, students=37, seed=1, sd_school=0.63, sd_cohort=0.395, sd_subject=0.063
        ).frame
    )
    d = prepare(counts, model)[1]
    return (
        counts,
        d,
        pd.DataFrame(
            dict(y=d.y, n=d.n, cell=d.cell, school=d.school, cohort=d.cohort, profile=d.subject)
        ),
    )


def fitted(counts, model):
    """Our fit, its seconds from counts to tables, and effective draws of the least effective
    population parameter a second of sampling
    """
    from schoolvar.achievement.fit import fit_achievement

    clock = time.perf_counter()
    fit = fit_achievement(counts, model=model, cache=False, progress=False)
    return (
        fit,
        time.perf_counter() - clock,
        float(fit.parameters.ess_bulk.min()) / fit.manifest["timings"]["sampling"],
    )


def sampling(quick):
    "Effective draws a second of sampling: ours beside the textbook's program, same engine."
    import textbook

    from schoolvar.sampling.diagnostics import convergence
    from schoolvar.sampling.engine import sample

    rows = []
    for model in ("M1", "M3"):
        counts, d, _ = case(model, 40 if quick else 100)
        plain = sample(
            *textbook.achievement(d, model),
            warmup=300,
            draws=400,
            metric="diag_e",
            step_size=0.5,
            keep=[
                "fixed",
                *(
                    f"sd_{k}"
                    for k in {"M1": ["school"], "M3": ["school", "cohort", "subject"]}[model]
                ),
            ],
            cache=False,
            progress=False,
        )
        draws = np.concatenate(
            [v.values.reshape(*v.shape[:2], -1) for v in plain.posterior.data_vars.values()], axis=2
        )
        theirs = (
            float(convergence(draws)["ess_bulk"].min())
            / json.loads(plain.attrs["timings"])["sampling"]
        )
        ours = fitted(counts, model)[2]
        rows += [
            dict(case=f"{model}, {d.J} schools", value=ours, unit="effective draws/s"),
            dict(
                case=f"{model}, {d.J} schools",
                value=ours / theirs,
                unit="ratio",
                peer="textbook Stan program",
            ),
        ]
    return rows


def in_r(what, table, model):
    "Numbers of a peer in R, or None where it is not installed"
    if (
        not shutil.which("Rscript")
        or subprocess.run(["Rscript", "-e", f"library({what})"], capture_output=True).returncode
    ):
        return None
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(Path(folder) / "counts.csv", index=False)
        run = subprocess.run(
            [
                "Rscript",
                str(ROOT / "benchmarks/peers.R"),
                what,
                str(Path(folder) / "counts.csv"),
                model,
            ],
            capture_output=True,
            text=True,
        )
    if run.returncode:
        print(f"{what}: {run.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return json.loads(run.stdout.strip().splitlines()[-1])


def lme4(quick):
    "The whole posterior beside glmer's point estimate: seconds, and how far apart the SDs are."
    model = "M3"
    counts, d, table = case(model, 100 if quick else 500)
    if (r := in_r("lme4", table, model)) is None:
        return []
    fit, took, _ = fitted(counts, model)
    peer, name = f"lme4 {r['version']}, glmer's point estimate", f"{model}, {d.J} schools"
    apart = max(
        abs(fit.parameter(f"sd_{k}")["mean"] - r["sd"][{"subject": "profile"}.get(k, k)])
        / fit.parameter(f"sd_{k}")["sd"]
        for k in ("school", "cohort", "subject")
    )
    return [
        dict(case=name, value=took, unit="s"),
        dict(case=f"{name}, glmer", value=r["seconds"], unit="s"),
        dict(case=f"{name}, glmer with nAGQ = 0", value=r["seconds_fast"], unit="s"),
        dict(case=name, value=took / r["seconds"], unit="ratio", peer=peer),
        dict(case=f"{name}, nAGQ = 0", value=took / r["seconds_fast"], unit="ratio", peer=peer),
        dict(
            case=f"{name}, largest distance of an SD", value=apart, unit="posterior SDs", peer=peer
        ),
    ]


def brms(quick):
    "Effective draws a second of sampling, compiling left out on both sides."
    rows = []
    for model, schools in [("M2", 30)] if quick else [("M2", 60), ("M3", 500)]:
        counts, d, table = case(model, schools)
        if (r := in_r("brms", table, model)) is None:
            return []
        ours = fitted(counts, model)[2]
        theirs, name, peer = (
            r["ess"] / r["seconds"],
            f"{model}, {d.J} schools",
            f"brms {r['version']}",
        )
        rows += [
            dict(case=name, value=ours, unit="effective draws/s"),
            dict(case=f"{name}, brms", value=theirs, unit="effective draws/s"),
            dict(case=f"{name}, brms", value=r["compile"], unit="s to compile"),
            dict(case=name, value=ours / theirs, unit="ratio", peer=peer),
        ]
    return rows


BAMBI = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import arviz as az, bambi, pandas as pd
d = pd.read_csv(sys.argv[1]).astype({c: "category" for c in ("cell", "school", "cohort")})
model = bambi.Model("p(y, n) ~ 0 + cell + (1 | school) + (1 | cohort)", d, family="binomial")
start = time.perf_counter()
idata = model.fit(draws=500, tune=500, chains=4, cores=2, random_seed=1, progressbar=False)
took = time.perf_counter() - start
s = az.summary(idata, var_names=["cell", "1|school_sigma", "1|cohort_sigma"])
ess = float(pd.to_numeric(s.ess_bulk).min())
print(json.dumps(dict(seconds=took, ess=ess, version=bambi.__version__)))
"""


def with_bambi(quick):
    "Effective draws a second, its compiling in its time."
    python = os.environ.get("SCHOOLVAR_BAMBI", sys.executable)
    if subprocess.run([python, "-c", "import bambi"], capture_output=True).returncode:
        return []
    counts, d, table = case("M2", 30 if quick else 60)
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(Path(folder) / "counts.csv", index=False)
        run = subprocess.run(
            [python, "-c", BAMBI, str(Path(folder) / "counts.csv")], capture_output=True, text=True
        )
    if run.returncode:
        print(f"bambi: {run.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return []
    r = json.loads(run.stdout.strip().splitlines()[-1])
    ours, name = fitted(counts, "M2")[2], f"M2, {d.J} schools"
    return [
        dict(case=name, value=ours, unit="effective draws/s"),
        dict(case=f"{name}, bambi", value=r["ess"] / r["seconds"], unit="effective draws/s"),
        dict(
            case=name,
            value=ours / (r["ess"] / r["seconds"]),
            unit="ratio",
            peer=f"bambi {r['version']}",
        ),
    ]
