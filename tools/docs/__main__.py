"""`make docs`: build the site into _site/ and check it. With Quarto where it is installed, else
with smalldocs.

    python tools/docs           build and check
    python tools/docs quick     the same, without running notebooks again and without a browser
    python tools/docs check     check what is built
    python tools/docs sidebar   bring _quarto.yml's list of library notebooks up to date
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))


def build():
    "Render the site. Raises SystemExit with the renderer's status where it fails."
    from docs import builders, pages

    builder = builders.choose()
    print(builder.why, flush=True)
    if pages.sidebar():
        print("_quarto.yml: the sidebar was out of date and has been rewritten; commit it")
    # the scripts before and after run in this environment, whatever is on the path
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "QUARTO_PYTHON": sys.executable,
    }
    env.pop("IN_TEST", None)
    r = subprocess.run(builder.command, cwd=ROOT, env=env, capture_output=False)
    if r.returncode:
        raise SystemExit(r.returncode)


def main(args):
    os.chdir(ROOT)
    t = time.time()
    if args == ["sidebar"]:
        from docs import pages

        print("rewritten" if pages.sidebar() else "up to date")
        return
    if args == ["quick"]:
        os.environ["SCHOOLVAR_DOCS_QUICK"] = "1"
    if args != ["check"]:
        build()
    from docs import check

    problems = check.check(ROOT / "_site")
    if args != ["quick"]:
        from docs import browser

        problems += browser.check(ROOT / "_site")
    for p in problems:
        print(p, file=sys.stderr)
    if problems:
        raise SystemExit(f"{len(problems)} problem(s) in _site/")
    print(f"_site/index.html is ready ({time.time() - t:.0f} s)")


if __name__ == "__main__":
    main(sys.argv[1:])
