"""A stand-in for CmdStan where none is installed: its command line and its CSV files, with stanli
behind them.

cmdstanpy runs unchanged: it calls `make` (here: this file), runs the program it made, writes
data and inits as JSON and parses the CSV. `install(folder)` makes the folder and returns the
environment that points cmdstanpy to it.

`made.txt` in the folder has a line for each call of make. FAKE_MAKE_SECONDS makes it slow, and
FAKE_MAKE_FAILS is what it says when it fails."""

import json
import os
import re
import stat
import sys
import time
from pathlib import Path

VERSION = "2.37.0"
COMPILER = "stand-in c++ 1.2.3"
PARTS = (
    "src/cmdstan/main.cpp",
    "stan/src/stan/model/model_header.hpp",
    "stan/lib/stan_math/stan/math.hpp",
)


def install(folder):
    "A CmdStan folder, and the environment under which cmdstanpy uses it"
    folder = Path(folder) / f"cmdstan-{VERSION}"
    (folder / "bin").mkdir(parents=True)
    (folder / "makefile").write_text(f"CMDSTAN_VERSION := {VERSION}\n")
    for part in PARTS:
        (folder / part).parent.mkdir(parents=True)
        (folder / part).touch()
    for what in ("stanc", "make", "compiler"):
        executable(folder / "bin" / what, what)
    return {
        "CMDSTAN": str(folder),
        "MAKE": str(folder / "bin" / "make"),
        "CXX": f"'{folder / 'bin' / 'compiler'}'",
    }


def calls(folder):
    "The programs that make was called for, in order"
    made = Path(folder) / f"cmdstan-{VERSION}" / "made.txt"
    return made.read_text().split() if made.exists() else []


def executable(path, what):
    "A program that is this file; where it lies is its first argument"
    path.write_text(f"#!/bin/sh\nexec '{sys.executable}' -u '{__file__}' {what} \"$0\" \"$@\"\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def compiler(here, *arguments):
    print(f"{COMPILER}\nCopyright")


def stanc(here, *arguments):
    if "--info" in arguments:
        print(json.dumps({"inputs": {}, "parameters": {"mu": {}}, "included_files": []}))


def make(here, *arguments):
    """Build the program named last.

    A program that does not compile is an error, as with the real one
    """
    target = Path(arguments[-1])
    with open(Path(here).parent.parent / "made.txt", "a") as made:
        made.write(f"{target.name}\n")
    (target.with_suffix(".o")).touch()
    time.sleep(float(os.environ.get("FAKE_MAKE_SECONDS", 0)))
    if fails := os.environ.get("FAKE_MAKE_FAILS"):
        sys.exit(fails)
    import stanli

    try:
        stanli.stan_to_mir(target.with_suffix(".stan").read_text())
    except RuntimeError as e:
        sys.exit(f"Syntax error in '{target.stem}.stan': {e}")
    executable(target, "program")


def program(here, *arguments):
    stan_file = f"{here}.stan"
    if arguments == ("info",):
        return print(
            "stan_version_major = 2\nstan_version_minor = 37\nstan_version_patch = "
            "0\nSTAN_THREADS=false"
        )
    import stanli

    a = parse(arguments)
    model = stanli.Model(stan_code=Path(stan_file).read_text(), data=a["data file"])
    inits = dict(init_radius=2.0)
    if "init" in a:
        inits = (
            dict(init_radius=float(a["init"]))
            if re.fullmatch(r"[\d.e+-]+", a["init"])
            else dict(inits=model.unconstrain(a["init"]))
        )
    fit = model.sample(
        chains=1,
        seed=int(a["seed"]) * 100 + int(a["id"]),
        warmup=int(a["num_warmup"]),
        samples=int(a["num_samples"]),
        delta=float(a.get("delta", 0.8)),
        max_depth=int(a["max_depth"]),
        metric=a["metric"],
        step_size=float(a["stepsize"]),
        refresh=int(a.get("refresh", 0)),
        adapt_engaged=a["engaged"] == "1",
        **inits,
    )
    Path(a["output file"]).write_text(csv(Path(stan_file).stem, a, fit))


def parse(arguments):
    """CmdStan's nested arguments, flat.

    Those that stand for a file are named by what is in front of them
    """
    found, section = {}, ""
    for word in arguments:
        key, _, value = word.partition("=")
        if not value:
            section = word
        found[f"{section} file" if key == "file" else key] = value
    return found


SETTINGS = """\
# stan_version_major = 2
# stan_version_minor = 37
# stan_version_patch = 0
# model = {name}_model
# start_datetime = 2026-11-22 03:17:07 UTC
# method = sample (Default)
#   sample
#     num_samples = {num_samples}
#     num_warmup = {num_warmup}
#     save_warmup = false (Default)
#     thin = 1 (Default)
#     adapt
#       engaged = {engaged}
#       gamma = 0.05 (Default)
#       delta = {delta}
#       kappa = 0.75 (Default)
#       t0 = 10 (Default)
#       init_buffer = 75 (Default)
#       term_buffer = 50 (Default)
#       window = 25 (Default)
#       save_metric = false (Default)
#     algorithm = hmc (Default)
#       hmc
#         engine = nuts (Default)
#           nuts
#             max_depth = {max_depth}
#         metric = {metric}
#         metric_file =  (Default)
#         stepsize = {stepsize}
#         stepsize_jitter = 0 (Default)
#     num_chains = 1 (Default)
# id = {id}
# data
#   file = data.json
# init = {init}
# random
#   seed = {seed}
# output
#   file = {name}-{id}.csv
#   diagnostic_file =  (Default)
#   refresh = 100 (Default)
#   sig_figs = {sig_figs}
#   profile_file = profile.csv (Default)
#   save_cmdstan_config = false (Default)
# num_threads = 1 (Default)
# stanc_version = stanc3 v2.37.0
# stancflags = --filename-in-msg={name}.stan
"""
TIMES = """\
#{space}
#  Elapsed Time: 0.004 seconds (Warm-up)
#                0.003 seconds (Sampling)
#                0.007 seconds (Total)
#{space}
"""
DEFAULTS = dict(delta="0.8 (Default)", init="2 (Default)")


def csv(name, a, fit, chain=0):
    "A chain as CmdStan 2.37 writes it with `metric=unit_e` (compared with a real one's output)."
    from stanli import SAMPLER_COLUMNS

    columns = [*SAMPLER_COLUMNS, *(re.sub(r"[\[,]", ".", c).rstrip("]") for c in fit.names)]
    number = f"%.{a['sig_figs']}g"
    rows = [
        ",".join(number % v for v in (*s, *d))
        for s, d in zip(fit.sampler_stats[chain], fit.draws()[chain], strict=True)
    ]
    engaged = "true (Default)" if a.get("engaged", "1") == "1" else "false"
    if a["metric"] == "unit_e":
        metric = ["# No free parameters for unit metric"]
    else:
        diagonal = ", ".join(f"{v:.6g}" for v in fit.inv_metric[chain])
        metric = ["# Diagonal elements of inverse mass matrix:", f"# {diagonal}"]
    adapted = ["# Adaptation terminated", f"# Step size = {fit.sampler_stats[chain, -1, 2]:.6g}"]
    lines = [",".join(columns), *adapted, *metric, *rows]
    settings = SETTINGS.format(**DEFAULTS | a | dict(name=name, engaged=engaged))
    return settings + "\n".join(lines) + "\n" + TIMES.format(space=" ")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
