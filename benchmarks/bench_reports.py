"""Reports per minute on this machine's cores, against a kernel for each report, with page weights
and memory.

    python benchmarks/bench_reports.py --achievement FIT --name pennsylvania
        --out benchmarks/reports_pennsylvania.csv [--sample 60] [--kernels 8]

FIT is a folder that `schoolvar achievement` wrote. Both ways make the same pages in this run,
from the fit's folder or its publication; a kernel a report gets as many kernels at a time as
there are cores, and the package its own choice of processes (one where few reports would not pay
for the start of more). Its time is all of `render_reports`, from reading the fit to the finished
folder. Kernels make a sample of the reports, spread over the table. Weights are those of the
HTML files, raw and as gzip sends them, without the shared script and style sheets; memory is the
peak of the largest process that made reports.
"""

import argparse
import csv
import gzip
import os
import platform
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def with_kernels(p, tasks, home, shared, workers):
    """Papermill as it comes: a Jupyter kernel for each report.

    The parent keeps its imports, as a script that loops would.
    """
    from schoolvar.report.build import district_page, preload, run_notebook
    from schoolvar.report.labels import Labels

    preload()

    def one(task):
        nb, error = run_notebook(task, home, engine=None)
        assert error is None, error
        return len(district_page(p, task, nb, Labels("en"), shared))

    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, tasks))
    return time.perf_counter() - start


def with_workers(fit, out, keys, workers):
    "The package's own way, from publication to the finished folder."
    from schoolvar.report.build import render_reports

    start = time.perf_counter()
    result = render_reports(
        out, achievement=fit, districts=keys, formats=(), workers=workers, progress=False
    )
    assert not result.failed, result.failed
    return time.perf_counter() - start, result


def processor_seconds():
    """Processor time of this process and of its finished children.

    What a busy machine does not stretch.
    """
    import resource

    return sum(
        r.ru_utime + r.ru_stime
        for r in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def peak_memory(workers):
    """Peak resident memory, MB, of the largest finished child process, or of this one where it
    made the reports.
    """
    import resource

    return (
        resource.getrusage(
            resource.RUSAGE_CHILDREN if workers > 1 else resource.RUSAGE_SELF
        ).ru_maxrss
        / 1024
    )


def main():
    ap = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ap.add_argument("--achievement", required=True)
    ap.add_argument("--name", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument(
        "--sample", type=int, default=0, help="districts, spread over the table; 0 = all"
    )
    ap.add_argument("--kernels", type=int, default=8, help="reports made with a kernel each")
    ap.add_argument(
        "--workers", type=int, default=0, help="processes of the package; 0 = its own choice"
    )
    a = ap.parse_args()
    from schoolvar.report.build import _default_workers, _tasks
    from schoolvar.report.disclosure import DisclosurePolicy
    from schoolvar.report.figures import shared_data
    from schoolvar.report.publication import publish, save_publication

    p = publish({"achievement": a.achievement}, DisclosurePolicy.named("us"))
    keys = list(p.districts.key)
    step = max(1, len(keys) // a.sample) if a.sample else 1
    keys = keys[::step][: a.sample or None]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        save_publication(p, folder / "data")
        tasks = _tasks(
            p,
            keys[:: max(1, len(keys) // a.kernels)][: a.kernels],
            ("en",),
            (),
            False,
            "2026-01-01",
        )
        before = processor_seconds()
        kernel = with_kernels(p, tasks, folder, shared_data(p), os.cpu_count()) / len(tasks)
        between = processor_seconds()
        workers = a.workers or _default_workers(len(keys))
        seconds, result = with_workers(a.achievement, folder / "out", keys, workers)
        cpu, kernel_cpu = (
            (processor_seconds() - between) / len(keys),
            (between - before) / len(tasks),
        )
        pages = [f.read_bytes() for f in (folder / "out" / "districts").glob("*.html")]
        weights, packed = (
            [len(page) / 1000 for page in pages],
            [len(gzip.compress(page)) / 1000 for page in pages],
        )
    row = dict(
        name=a.name,
        districts=len(keys),
        schools=len(p.tables["achievement"]),
        workers=workers,
        seconds=round(seconds, 1),
        reports_per_minute=round(60 * len(keys) / seconds, 1),
        kernel_reports_per_minute=round(60 / kernel, 1),
        ratio=round(kernel * len(keys) / seconds, 1),
        processor_seconds_a_report=round(cpu, 3),
        kernel_processor_seconds_a_report=round(kernel_cpu, 3),
        processor_ratio=round(kernel_cpu / cpu, 1),
        median_page_kb=round(statistics.median(weights), 1),
        largest_page_kb=round(max(weights), 1),
        median_page_gzip_kb=round(statistics.median(packed), 1),
        worker_peak_mb=round(peak_memory(workers)),
        cores=os.cpu_count(),
        load=round(os.getloadavg()[0], 1),
        python=platform.python_version(),
        machine=platform.machine(),
    )
    with open(a.out, "w", newline="", encoding="utf-8") as f:
        w = csv.DictWriter(f, row)
        w.writeheader()
        w.writerow(row)
    print(*(f"{k}: {v}" for k, v in row.items()), sep="\n")


if __name__ == "__main__":
    main()
