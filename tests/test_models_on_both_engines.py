"""Every program and option, by each engine: the same density, and the same posterior.

Runs where CMDSTAN is set."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from both_engines import FITS, TWO_STAGES, distances
from conftest import absent
from densities import CASES, model_of, points

pytestmark = [pytest.mark.cmdstan, pytest.mark.slow]
CMDSTAN = os.environ.get("CMDSTAN")


@pytest.fixture(autouse=True)
def compiled_once(request, monkeypatch):
    if not CMDSTAN:
        absent("cmdstan", "CMDSTAN is not set")
    kept = request.config.cache.mkdir("schoolvar")
    shutil.rmtree(kept / "fits", ignore_errors=True)
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(kept))


def by_cmdstan(case, at, folder):
    "Log densities and gradients as CmdStan's `log_prob` gives them"
    import cmdstanpy

    from schoolvar.sampling.cmdstan import compile_cmdstan
    from schoolvar.sampling.engine import plain
    from schoolvar.sampling.programs import read_program

    make, *arguments = CASES[case]
    program, data = make(*arguments)
    cmdstanpy.write_stan_json(str(folder / "data.json"), {k: plain(v) for k, v in data.items()})
    program = compile_cmdstan(*read_program(program)).executable
    found = []
    for point in at:  # one by one: CmdStan 2.35 reads several by column
        (folder / "at.json").write_text(json.dumps({"params_r": point.tolist()}))
        asked = (
            f"log_prob unconstrained_params={folder / 'at.json'} data file={folder / 'data.json'}"
        )
        out = f"output file={folder / 'out.csv'} sig_figs=16"
        subprocess.run([program, *asked.split(), *out.split()], check=True, capture_output=True)
        lines = (folder / "out.csv").read_text().splitlines()
        found.append([line for line in lines if not line.startswith("#")][1].split(","))
    numbers = np.array(found, float)
    return numbers[:, 0], numbers[:, 1:]


@pytest.mark.parametrize("case", CASES)
def test_the_same_density(case, tmp_path):
    "At the points whose density is frozen, up to a constant, with the gradient"
    model = model_of(case)
    at = points(case, model.n_unconstrained)
    each = [model.log_prob_grad(q) for q in at]
    ours, gradient = np.array([lp for lp, _ in each]), np.array([g for _, g in each])
    theirs, slope = by_cmdstan(case, at, tmp_path)
    np.testing.assert_allclose(ours - ours[0], theirs - theirs[0], rtol=1e-8, atol=1e-7)
    np.testing.assert_allclose(gradient, slope, rtol=1e-7, atol=1e-7)


def test_every_program_is_fitted():
    from schoolvar.sampling.programs import stan_folder

    names = {p.stem for p in stan_folder().glob("*.stan")}
    assert names == {model_program(case) for case in CASES}


def model_program(case):
    make, *arguments = CASES[case]
    return make(*arguments)[0]


@pytest.mark.parametrize("case", FITS)
def test_the_same_posterior(case, record_property):
    a, b = FITS[case](engine="stanli", seed=1), FITS[case](engine="cmdstan", seed=2)
    assert (a.manifest["run"]["engine"], b.manifest["run"]["engine"]) == ("stanli", "cmdstan")
    assert a.ok and b.ok
    x, y = a.parameters.set_index("parameter"), b.parameters.set_index("parameter")
    assert list(x.index) == list(y.index) and list(a.schools) == list(b.schools)
    z = (x["mean"] - y["mean"]) / np.hypot(x["mcse_mean"], y["mcse_mean"])
    record_property("z", z.round(2).to_dict())
    assert z.abs().max() < 4.5
    # an end has about three times the error of a mean
    for end in ("q2.5", "q97.5"):
        assert (abs(x[end] - y[end]) < 6 * 3 * np.hypot(x["mcse_mean"], y["mcse_mean"])).all()
    # all that was kept, schools' effects among it
    everything = distances(a.idata, b.idata)
    if case in TWO_STAGES:
        gap = a.schools["value_added"] - b.schools["value_added"]
        assert abs(gap).max() < 0.25 * a.schools["value_added"].std()
        return
    assert np.abs(everything).max() < 5.5 and 0.7 < everything.std() < 1.3
