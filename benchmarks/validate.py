"""Calibration studies at full length: `make validate [SETS=500] [STUDIES='M1 M2']`.

Each data set has a seed of its own (20261122, its index), so that a run goes on where an interrupted one stopped and any one
data set can be repeated alone. Ranks are kept in build/validate while it runs and stored in nbs/studies/stored/sbc when it is done."""
import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
import os
import time
import warnings

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
PARTS, STORED, SEED, BLOCK = ROOT / "build" / "validate", ROOT / "nbs" / "studies" / "stored" / "sbc", 20261122, 10
PROGRAMS = {"consistency": ["consistency_schools"], "covariates": ["consistency_students"], "joint": ["value_added_joint"], **{m: [f"achievement_{m.lower()}"] for m in ("M1", "M2", "M3")}}


def block(name, first):
    "Ranks of ten data sets, kept in a file of their own"
    warnings.simplefilter("ignore")
    from schoolvar.calibration import sbc
    from schoolvar.validation import STUDIES
    path = PARTS / name / f"{first:05d}.parquet"
    if not path.exists():
        start = time.perf_counter()
        ranks = sbc(STUDIES[name].simulate, STUDIES[name].fit, BLOCK, SEED, first=first).assign(seconds=time.perf_counter() - start)
        path.parent.mkdir(parents=True, exist_ok=True)
        ranks.to_parquet(path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)
    return name, first


def main():
    from tqdm import tqdm
    from schoolvar.calibration import calibration_table
    from schoolvar.stored import store_summary
    from schoolvar.validation import STUDIES
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("studies", nargs="*", help="names of studies; all of them where none is given")
    ap.add_argument("--sets", type=int, default=500, help="data sets a study, a multiple of ten")
    ap.add_argument("--workers", type=int, default=os.cpu_count())
    a = ap.parse_args()
    names = a.studies or list(STUDIES)
    jobs = [(n, i) for i in range(0, a.sets, BLOCK) for n in names]
    with ProcessPoolExecutor(a.workers) as pool:
        for f in tqdm([pool.submit(block, *j) for j in jobs], desc="blocks of ten", disable=None): f.result()
    ranks = pd.concat([pd.read_parquet(p).assign(study=n) for n in names for p in sorted((PARTS / n).glob("*.parquet")) if int(p.stem) < a.sets], ignore_index=True)
    seconds = ranks.drop_duplicates(["study", "data_set"]).groupby("study").seconds.first()
    table = pd.concat([calibration_table(g, prob=.99).assign(study=n) for n, g in ranks.groupby("study", sort=False)], ignore_index=True)
    print(table.to_string(index=False))
    store_summary(STORED, {"ranks": ranks[["study", "data_set", "quantity", "rank"]].astype({"rank": "int16", "data_set": "int16"}), "table": table},
                  programs=sorted({p for n in names for p in PROGRAMS[n]}), data={"simulated": f"seed {SEED}"}, settings=dict(seed=SEED, sets=a.sets, studies=names),
                  seconds=float(ranks.drop_duplicates(["study", "data_set"]).seconds.sum() / BLOCK), command=f"make validate SETS={a.sets}")
    print(f"stored in {STORED.relative_to(ROOT)}; the least study took {seconds.min():.0f} s for ten data sets, the longest {seconds.max():.0f} s")


if __name__ == "__main__": main()
