"""Build what is released: sdist and wheel, the same bytes every time, with licences, a bill of
materials, an audit and checksums.

    make release                           everything, into dist/
    python tools/release.py --only build   sdist and wheel
"""

import argparse
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = (
    "schoolvar",
    "stan",
    "nbs/reports",
    "pyproject.toml",
    "settings.ini",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CITATION.cff",
)
BUILD = "import sys, setuptools.build_meta as b; getattr(b, sys.argv[1])(sys.argv[2])"


def epoch() -> int:
    """Time that everything is dated with.

    SOURCE_DATE_EPOCH, else that of the commit, else of 1980 (the least that a wheel can hold).
    """
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    git = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True
    )
    return int(git.stdout) if git.returncode == 0 and git.stdout.strip() else 315532800


def same_sdist(path: Path, at: int):
    "Write a source archive again without who made it, when and in which order."
    with tarfile.open(path) as old:
        members = sorted(
            ((m, old.extractfile(m).read() if m.isfile() else None) for m in old.getmembers()),
            key=lambda x: x[0].name,
        )
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as new:
        for m, data in members:
            clean = tarfile.TarInfo(m.name)
            clean.type, clean.size, clean.mtime, clean.mode = (
                m.type,
                m.size,
                at,
                0o755 if m.isdir() else 0o644,
            )
            new.addfile(clean, io.BytesIO(data) if data is not None else None)
    with open(path, "wb") as f, gzip.GzipFile("", "wb", 9, f, mtime=at) as z:
        z.write(raw.getvalue())


def build(out: Path, at: int | None = None) -> list[Path]:
    "sdist and wheel of a copy of the tree, which stays as it is."
    out.mkdir(parents=True, exist_ok=True)
    at = epoch() if at is None else at
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "schoolvar"
        for name in SOURCE:
            source, to = ROOT / name, tree / name
            to.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(
                    source, to, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
                )
            else:
                shutil.copy(source, to)
        for p in tree.rglob("*"):
            os.chmod(p, 0o755 if p.is_dir() else 0o644)
            os.utime(p, (at, at))
        made = Path(folder) / "made"
        made.mkdir()
        for what in ("build_sdist", "build_wheel"):
            run = subprocess.run(
                [sys.executable, "-c", BUILD, what, str(made)],
                cwd=tree,
                env={**os.environ, "SOURCE_DATE_EPOCH": str(at), "PYTHONHASHSEED": "0"},
                capture_output=True,
                text=True,
            )
            if run.returncode:
                raise SystemExit(f"the build failed:\n{run.stderr[-3000:]}")
        for path in made.glob("*.tar.gz"):
            same_sdist(path, at)
        return [Path(shutil.copy(p, out / p.name)) for p in sorted(made.iterdir())]


def bill_of_materials(out: Path, python: str) -> Path:
    "CycloneDX list of an environment's packages, with their licences and hashes where known."
    path = out / "sbom.cdx.json"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "cyclonedx_py",
            "environment",
            python,
            "--pyproject",
            str(ROOT / "pyproject.toml"),
            "--mc-type",
            "library",
            "--output-reproducible",
            "--of",
            "JSON",
            "-o",
            str(path),
        ],
        check=True,
    )
    return path


def audit(out: Path) -> str:
    """Known vulnerabilities of the locked packages, or one line on why that could not be learned.

    Stops at a finding.
    """
    path = out / "audit.json"
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip_audit",
            "--require-hashes",
            "--disable-pip",
            "-r",
            str(ROOT / "requirements/dev.txt"),
            "-f",
            "json",
            "-o",
            str(path),
        ],
        capture_output=True,
        text=True,
    )
    if run.returncode == 0:
        return "pip-audit: no known vulnerability in the locked packages"
    if path.exists() and path.read_text():
        raise SystemExit(f"pip-audit found vulnerabilities: see {path.name}\n{run.stderr[-1500:]}")
    why = (
        run.stderr.strip().splitlines()[-1][:200]
        if run.stderr.strip()
        else f"status {run.returncode}"
    )
    (out / "audit.txt").write_text(f"not audited: {why}\n", encoding="utf-8")
    return f"pip-audit: NOT AUDITED, the list of vulnerabilities could not be had ({why})"


def checksums(out: Path):
    "SHA256SUMS of everything in the folder."
    lines = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n"
        for p in sorted(out.iterdir())
        if p.is_file() and p.name != "SHA256SUMS"
    ]
    (out / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--only", choices=["build"])
    parser.add_argument(
        "--python",
        default=str(ROOT / ".venv/bin/python"),
        help="interpreter whose packages are listed",
    )
    args = parser.parse_args()
    shutil.rmtree(args.out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as again:
        for path, other in zip(build(args.out), build(Path(again)), strict=True):
            if path.read_bytes() != other.read_bytes():
                raise SystemExit(f"{path.name}: a second build has other bytes")
            print(
                f"{path.name}: {path.stat().st_size / 1e3:,.0f} kB"
                + (
                    f", {len(zipfile.ZipFile(path).namelist())} files"
                    if path.suffix == ".whl"
                    else ""
                )
                + "; built twice, the same bytes"
            )
    if not args.only:
        subprocess.run(
            [args.python, str(ROOT / "tools/licences.py"), "--csv", str(args.out / "licences.csv")],
            check=True,
        )
        bill_of_materials(args.out, args.python)
        print(audit(args.out))
    checksums(args.out)


if __name__ == "__main__":
    main()
