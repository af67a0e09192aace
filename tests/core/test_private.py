"Private places and results where the system has no users, no modes and no signals but two."

import json
import os
import subprocess
import sys

BARE = """
import os, signal, sys
for name in ("getuid", "geteuid", "getgid", "fork", "mkfifo", "O_NONBLOCK", "O_NOFOLLOW", "O_DIRECTORY", "killpg"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGHUP", "SIGKILL"):
    delattr(signal, name)
sys.modules["fcntl"] = None

from pathlib import Path
from schoolvar.core.files import FolderError, ordinary
from schoolvar.core.private import cache_folder, private_run, replacing, scratch_file, stoppable
from schoolvar.core.results import locked, staged

out = Path("out")
with stoppable(), private_run(everything=True), locked(out):
    scratch_file().write_text("on the way")
    for text in ("first", "second"):
        with staged(out, "fit", private=True) as new:
            (new / "a.csv").write_text(text)
    with ordinary(out / "a.csv") as file:
        assert file.read() == b"second"
    with replacing(cache_folder() / "entry", folder=True) as entry:
        (entry / "b").write_text("kept")
    (out / "thesis.docx").write_text("mine")
    try:
        with staged(out, "fit"):
            raise AssertionError("the user's file is in the way")
    except FolderError as error:
        assert "thesis.docx" in str(error)
assert (out / "thesis.docx").read_text() == "mine"
import json
print(json.dumps(sorted(p.as_posix() for p in Path().rglob("*") if p.is_file())))
"""


def test_results_are_safe_without_what_windows_lacks(tmp_path):
    "Written, replaced, refused where a user's file is; nothing is left on the way."
    where = {k: str(tmp_path) for k in ("TMPDIR", "TEMP", "TMP")}
    ended = subprocess.run(
        [sys.executable, "-c", BARE],
        cwd=tmp_path,
        env=os.environ | where | {"SCHOOLVAR_CACHE": "cache", "USERNAME": "me"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    left = [name for name in json.loads(ended.stdout) if "/locks/" not in name]
    assert left == ["cache/entry/b", "out/.schoolvar.json", "out/a.csv", "out/thesis.docx"]
