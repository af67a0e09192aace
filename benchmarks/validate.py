"""Calibration studies at full length: `make validate [SETS=500] [STUDIES='M1 M2']`.

Each data set has a seed of its own (that of the study, its index), so that a run goes on where an interrupted one stopped and any one
data set can be repeated alone. Blocks of ten data sets are kept in build/validate while it runs, under a checksum of the
programs and modules that made them; a study is stored in nbs/studies/stored/sbc_<study> when its last block is done."""

import argparse
import hashlib
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
PARTS, STORED, SEED, BLOCK = (
    ROOT / "build" / "validate",
    ROOT / "nbs" / "studies" / "stored",
    20261122,
    10,
)
CONSISTENCY, ACHIEVEMENT = (
    (
        "consistency/posterior",
        "consistency/run",
        "consistency/model",
        "consistency/priors",
        "consistency/inclusion",
    ),
    (
        "achievement/ladder",
        "achievement/design",
        "achievement/whitening",
        "achievement/posterior",
        "achievement/fit",
    ),
)
# study -> the program and the modules that make its draws: blocks made by others are not mixed with
# them
MADE_BY = {
    "consistency": ("consistency_schools", CONSISTENCY),
    "wrong_rate": ("consistency_schools", CONSISTENCY),
    "covariates": ("consistency_students", CONSISTENCY),
    "joint": ("value_added_joint", ("value_added/methods", "value_added/whitening")),
} | {m: ("achievement", ACHIEVEMENT) for m in ("M1", "M2", "M3")}

# no two studies share their random numbers
SEEDS = {
    s: SEED + i
    for i, s in enumerate(("consistency", "wrong_rate", "M1", "M2", "M3", "covariates", "joint"))
}


def made_by(study) -> str:
    "Checksum of what makes a study's draws"
    from schoolvar.calibration.stored import program_sha256

    program, modules = MADE_BY[study]
    text = [
        (ROOT / "schoolvar" / f"{m}.py").read_bytes()
        for m in (
            "calibration/studies",
            "calibration/sbc",
            "sampling/engine",
            "sampling/converge",
            *modules,
        )
    ]
    return hashlib.sha256(
        b"\0".join([str(SEEDS[study]).encode(), program_sha256(program).encode(), *text])
    ).hexdigest()[:12]


def block(folder, name, first):
    "Ten data sets, kept in files of their own: ranks, and what was stated of each school"
    warnings.simplefilter("ignore")
    from schoolvar.calibration.sbc import study_rows
    from schoolvar.calibration.studies import STUDIES

    path = folder / f"{first:05d}.ranks.parquet"
    if not path.exists():
        start = time.perf_counter()
        ranks, stated = study_rows(
            STUDIES[name].simulate, STUDIES[name].fit, BLOCK, SEEDS[name], first=first
        )
        folder.mkdir(parents=True, exist_ok=True)
        stated.to_parquet(folder / f"{first:05d}.stated.parquet")
        took = pd.DataFrame({"seconds": [time.perf_counter() - start]})
        took.to_parquet(folder / f"{first:05d}.seconds.parquet")
        ranks.to_parquet(path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)


def whole(folder, what, sets):
    "One table of all blocks"
    return pd.concat(
        [pd.read_parquet(folder / f"{i:05d}.{what}.parquet") for i in range(0, sets, BLOCK)],
        ignore_index=True,
    )


def store(name, folder, sets, to):
    "A study's tables with the story of the run, small"
    from schoolvar.calibration.sbc import calibration_table
    from schoolvar.calibration.stored import store_summary
    from schoolvar.calibration.studies import STUDIES

    ranks, stated, took = (
        whole(folder, "ranks", sets),
        whole(folder, "stated", sets),
        whole(folder, "seconds", sets),
    )
    # the event that was stated
    held = stated.truth.where(
        stated.lower.isna(), (stated.lower <= stated.truth) & (stated.truth <= stated.upper)
    )
    tables = {
        "stated": pd.DataFrame(
            {
                "data_set": stated.data_set.astype("int16"),
                "statement": stated.statement.astype("category"),
                "probability": stated.probability.round(4).astype("float32"),
                "true": held.astype(bool),
            }
        )
    }
    if len(ranks):
        tables["ranks"] = ranks[["data_set", "quantity", "rank"]].astype(
            {"data_set": "int16", "rank": "int16", "quantity": "category"}
        )
    store_summary(
        to / f"sbc_{name.lower()}",
        tables,
        programs=[MADE_BY[name][0]],
        data={
            "simulated data sets": hashlib.sha256(
                f"{SEEDS[name]}, 0 to {sets - 1}".encode()
            ).hexdigest()
        },
        settings=dict(seed=SEEDS[name], sets=sets, study=name, about=STUDIES[name].about),
        seconds=float(took.seconds.sum()),
        command=f"make validate SETS={sets} STUDIES={name}",
    )
    print(f"{name}: {sets} data sets, {took.seconds.sum():.0f} s on one core")
    if len(ranks):
        print(
            calibration_table(ranks, prob=1 - 0.05 / ranks.quantity.nunique()).to_string(
                index=False
            ),
            flush=True,
        )


def main():
    from tqdm import tqdm

    from schoolvar.calibration.studies import STUDIES

    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("studies", nargs="*", help="names of studies; all of them where none is given")
    ap.add_argument("--sets", type=int, default=500, help="data sets a study, a multiple of ten")
    ap.add_argument("--workers", type=int, default=os.cpu_count())
    ap.add_argument("--store", type=Path, default=STORED, help="folder of the stored studies")
    a = ap.parse_args()
    if a.sets < BLOCK or a.sets % BLOCK:
        ap.error(f"--sets must be a multiple of {BLOCK}")
    if unknown := [s for s in a.studies if s not in STUDIES]:
        ap.error(f"there is no study {unknown[0]}; there are: {', '.join(STUDIES)}")
    names = a.studies or list(STUDIES)
    folders = {n: PARTS / f"{n}-{made_by(n)}" for n in names}
    with (
        ProcessPoolExecutor(a.workers) as pool,
        tqdm(total=len(names) * a.sets // BLOCK, desc="blocks of ten", disable=None) as bar,
    ):
        jobs = {
            n: [pool.submit(block, folders[n], n, i) for i in range(0, a.sets, BLOCK)]
            for n in names
        }
        for n in names:
            for f in jobs[n]:
                f.result()
                bar.update()
            store(n, folders[n], a.sets, a.store)


if __name__ == "__main__":
    main()
