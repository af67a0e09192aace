"""Which builder renders the site: Quarto where it is installed and its version was tried, else
smalldocs, a Python package.
"""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

# Each rendered the whole site. The workflow that publishes pins one of them; `_quarto.yml` has no
# key that one of them refuses.
TRIED = ("1.8.26", "1.9.37")
# Bytes of a page without its charts' numbers; CONTRIBUTING.md says what the pages weigh.
WEIGHT = {"smalldocs": 60_000, "quarto": 65_000}


class Builder(NamedTuple):
    "How the site is rendered, and why so."

    name: str  # smalldocs or quarto
    command: list[str]
    why: str  # one line


def quarto_version():
    "Of the Quarto on the path; None where there is none or it does not run."
    path = shutil.which("quarto")
    if not path:
        return None
    try:
        run = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = run.stdout.strip().splitlines()
    return said[-1].strip() if run.returncode == 0 and said else None


def choose():
    "The builder of this machine and this environment."
    small = f"smalldocs {importlib.metadata.version('smalldocs')}"
    command = [str(Path(sys.executable).with_name("smalldocs")), "render", "."]
    tried = " and ".join(TRIED)
    if os.environ.get("SCHOOLVAR_SMALLDOCS"):
        return Builder("smalldocs", command, f"Built with {small}: SCHOOLVAR_SMALLDOCS is set.")
    version = quarto_version()
    if version in TRIED:
        why = f"Built with Quarto {version}: it is on the path, and was tried with this site."
        return Builder("quarto", ["quarto", "render"], why)
    if version:
        why = f"Built with {small}: Quarto {version} was not tried with this site ({tried} were)."
        return Builder("smalldocs", command, why)
    if shutil.which("quarto"):
        why = f"Built with {small}: the Quarto on the path does not say its version."
        return Builder("smalldocs", command, why)
    return Builder("smalldocs", command, f"Built with {small}: no Quarto is on the path.")


def built_by(text):
    "The builder that a page says rendered it."
    return "quarto" if '<meta name="generator" content="quarto-' in text else "smalldocs"
