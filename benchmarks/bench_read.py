"""Time and peak memory of `read_scores` on a big file, each read in a process of its own.

    python benchmarks/bench_read.py                      five million students of 16,000 schools
    python benchmarks/bench_read.py --students 200000    a quick look

Parquet and CSV.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

CHILD = """
import json, sys, time
started = time.perf_counter()
from schoolvar.data.scores import read_scores
imported = time.perf_counter()

def peak():
    # Linux: of this program only, while ru_maxrss keeps the peak of the process that started it
    try:
        with open("/proc/self/status") as lines:
            kb = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        return kb * 1024 / 1e6
    except OSError:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6   # bytes on macOS

before = peak()
scores = read_scores(sys.argv[1], school="school", score="score", covariates=sys.argv[2:])
took = time.perf_counter() - imported
print(json.dumps(dict(
    students=scores.n, schools=len(scores.schools),
    import_seconds=imported - started, read_seconds=took,
    peak_mb=peak(), before_mb=before, mean=scores.mean, sd=scores.sd,
)))
"""


def write_students(path, students, schools, seed=1):
    """Students in no order, written a million at a time so that making the file needs little
    memory too; the format is the name's.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    rng, path = np.random.default_rng(seed), Path(path)
    level = rng.normal(500, 40, schools)
    names = np.array([f"{i:06d}" for i in range(schools)])
    schema = pa.schema([("school", pa.string()), ("score", pa.float64()), ("ses", pa.float64())])
    sink = (
        pq.ParquetWriter(path, schema)
        if path.suffix == ".parquet"
        else pa.csv.CSVWriter(pa.output_stream(path), schema)
    )
    with sink:
        for lo in range(0, students, 1_000_000):
            n = min(1_000_000, students - lo)
            code = rng.integers(0, schools, n)
            sink.write_table(
                pa.table(
                    [names[code], rng.normal(level[code], 80), rng.normal(size=n).round(3)],
                    schema=schema,
                )
            )


def measure(path, *covariates) -> dict:
    "Read a file in a fresh process and return its figures."
    run = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), *covariates],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--students", type=int, default=5_000_000)
    parser.add_argument("--schools", type=int, default=16_000)
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    args = parser.parse_args()
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("students.parquet", "students.csv", "students.csv.gz"):
            path = Path(folder) / name
            write_students(path, args.students, args.schools)
            for covariates in ((), ("ses",)) if name == "students.parquet" else ((),):
                figures.append(
                    dict(
                        file=name,
                        covariates=len(covariates),
                        file_mb=path.stat().st_size / 1e6,
                        **measure(path, *covariates),
                    )
                )
                f = figures[-1]
                print(
                    (
                        f"{name:18} {f['file_mb']:6.0f} MB, {f['covariates']} covariates: "
                        f"{f['students']:,} students of {f['schools']:,} schools in "
                        f"{f['read_seconds']:.1f} s, peak {f['peak_mb']:.0f} MB "
                        f"({f['before_mb']:.0f} MB before reading)"
                    ),
                    flush=True,
                )
            path.unlink()
    if args.out:
        args.out.write_text(
            json.dumps(
                dict(
                    machine=platform.platform(),
                    cores=os.cpu_count(),
                    python=platform.python_version(),
                    reads=figures,
                ),
                indent=2,
            )
            + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
