"""What tests share that use the package from outside.

The command in a process of its own, folders byte by byte, fits sealed anew.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from schoolvar.core.files import checksum, seal_of

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-c", "from schoolvar.cli.main import main; main()"]


def relist(folder):
    "Write the checksum of a fit's manifest into the folder's own list, as a forger would."
    mark, path = Path(folder) / ".schoolvar.json", Path(folder) / "manifest.json"
    if mark.exists():
        listed = json.loads(mark.read_text(encoding="utf-8"))
        listed["files"] |= json.loads(path.read_text(encoding="utf-8")).get("files", {}) | {
            "manifest.json": checksum(path)
        }
        mark.write_text(json.dumps(listed), encoding="utf-8")


def reseal(folder):
    """Write the checksums of a fit's files anew, after a test has edited them.

    The check itself is not for sale.
    """
    path = Path(folder) / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"] = {
        p.name: checksum(p)
        for p in sorted(Path(folder).iterdir())
        if p.is_file() and p.name not in ("manifest.json", ".schoolvar.json")
    }
    manifest["seal"] = seal_of(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    relist(folder)
    return folder


def everything(folder):
    "Every file, link and empty folder below a folder: path -> content."
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_file():
            found[name] = path.read_bytes()
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = "neither file nor folder"
    return found


def command(*args, cwd=None, umask=-1, timeout=120, **environment):
    "The command in a process of its own."
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CI": "true",
        **{k: str(v) for k, v in environment.items()},
    }
    return subprocess.run(
        [*COMMAND, *map(str, args)],
        cwd=cwd,
        env=env,
        umask=umask,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
    )


def refusal(run, status=2):
    "The only line of an error."
    lines = run.stderr.strip().splitlines()
    assert run.returncode == status, run.stderr[-3000:]
    assert len(lines) == 1 and lines[0].startswith("schoolvar"), run.stderr[-3000:]
    return lines[0]
