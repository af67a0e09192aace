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
    from schoolvar.report.build import preload
    from schoolvar.report.district import district_page, run_notebook
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


def asked():
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
    return ap.parse_args()


def spread(keys, count):
    "So many of the keys, from all over the table; 0 is all of them."
    return keys[:: max(1, len(keys) // count) if count else 1][: count or None]


def measured(publication, keys, a, folder) -> dict:
    "Both ways to make the pages, in one run."
    from schoolvar.report.build import default_workers, tasks_of
    from schoolvar.report.figures import shared_data

    tasks = tasks_of(publication, spread(keys, a.kernels), ("en",), (), False, "2026-01-01")
    before = processor_seconds()
    kernels = with_kernels(publication, tasks, folder, shared_data(publication), os.cpu_count())
    between = processor_seconds()
    workers = a.workers or default_workers(len(keys))
    seconds, _ = with_workers(a.achievement, folder / "out", keys, workers)
    return dict(
        workers=workers,
        seconds=seconds,
        kernel=kernels / len(tasks),
        cpu=(processor_seconds() - between) / len(keys),
        kernel_cpu=(between - before) / len(tasks),
        pages=[f.read_bytes() for f in (folder / "out" / "districts").glob("*.html")],
    )


def row_of(publication, keys, name, m) -> dict:
    "What is kept of a run."
    weights = [len(page) / 1000 for page in m["pages"]]
    packed = [len(gzip.compress(page)) / 1000 for page in m["pages"]]
    return dict(
        name=name,
        districts=len(keys),
        schools=len(publication.tables["achievement"]),
        workers=m["workers"],
        seconds=round(m["seconds"], 1),
        reports_per_minute=round(60 * len(keys) / m["seconds"], 1),
        kernel_reports_per_minute=round(60 / m["kernel"], 1),
        ratio=round(m["kernel"] * len(keys) / m["seconds"], 1),
        processor_seconds_a_report=round(m["cpu"], 3),
        kernel_processor_seconds_a_report=round(m["kernel_cpu"], 3),
        processor_ratio=round(m["kernel_cpu"] / m["cpu"], 1),
        median_page_kb=round(statistics.median(weights), 1),
        largest_page_kb=round(max(weights), 1),
        median_page_gzip_kb=round(statistics.median(packed), 1),
        worker_peak_mb=round(peak_memory(m["workers"])),
        cores=os.cpu_count(),
        load=round(os.getloadavg()[0], 1),
        python=platform.python_version(),
        machine=platform.machine(),
    )


def main():
    a = asked()
    from schoolvar.report.disclosure import DisclosurePolicy
    from schoolvar.report.publication import publish, save_publication

    publication = publish({"achievement": a.achievement}, DisclosurePolicy.named("us"))
    keys = spread(list(publication.districts.key), a.sample)
    with tempfile.TemporaryDirectory() as folder:
        save_publication(publication, Path(folder) / "data")
        row = row_of(publication, keys, a.name, measured(publication, keys, a, Path(folder)))
    with open(a.out, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    print(*(f"{name}: {value}" for name, value in row.items()), sep="\n")


if __name__ == "__main__":
    main()
