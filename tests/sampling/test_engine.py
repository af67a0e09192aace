"""Both engines: the same names, dimensions, statistics and posterior.

Programs, starting values, errors, progress, Ctrl-C."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_cmdstan
import numpy as np
import pytest
from conftest import ROOT, absent
from frozen_fits import EIGHT_SCHOOLS, FROZEN, LABELS
from scipy import stats

from schoolvar.core import progress as engine_progress
from schoolvar.sampling import draws as engine_draws
from schoolvar.sampling import programs as engine_programs
from schoolvar.sampling.cmdstan import cmdstan_arguments, compile_cmdstan, read_cmdstan
from schoolvar.sampling.diagnostics import ess_mean, mcse_mean, mcse_quantile
from schoolvar.sampling.draws import inference_data
from schoolvar.sampling.engine import sample
from schoolvar.sampling.programs import EngineError, choose_engine, read_program

PROGRAMS = Path(__file__).parent.parent / "programs"
SETTINGS = dict(
    seed=1,
    chains=2,
    warmup=100,
    draws=60,
    metric="unit_e",
    step_size=0.5,
    adapt_delta=0.9,
    max_treedepth=9,
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(tmp_path / "cache"))
    for v in ("CMDSTAN", "MAKE", "CXX"):
        monkeypatch.delenv(v, raising=False)
    # a CmdStan in the user's home is not part of these tests
    monkeypatch.setenv("HOME", str(tmp_path))


REAL_CMDSTAN, REAL_MAKE = os.environ.get("CMDSTAN"), os.environ.get("MAKE")


@pytest.fixture
def fake(tmp_path, monkeypatch):
    "cmdstanpy with a stand-in behind it"
    for k, v in fake_cmdstan.install(tmp_path).items():
        monkeypatch.setenv(k, v)


@pytest.fixture(
    params=[
        "stanli",
        "fake",
        pytest.param("cmdstan", marks=[pytest.mark.cmdstan, pytest.mark.slow]),
    ]
)
def run(request, monkeypatch):
    "The name of an engine that is ready to run"
    if request.param == "fake":
        request.getfixturevalue("fake")
    if request.param == "cmdstan":
        if not REAL_CMDSTAN:
            absent("cmdstan", "CMDSTAN is not set")
        monkeypatch.setenv("CMDSTAN", REAL_CMDSTAN)
        # a real compiler takes a while: compile once
        kept = request.config.cache.mkdir("schoolvar")
        shutil.rmtree(kept / "fits", ignore_errors=True)
        monkeypatch.setenv("SCHOOLVAR_CACHE", str(kept))
        if REAL_MAKE:
            monkeypatch.setenv("MAKE", REAL_MAKE)
    return "cmdstan" if request.param == "fake" else request.param


def eight(run, **changes):
    return sample(
        PROGRAMS / "eight_schools.stan",
        EIGHT_SCHOOLS,
        engine=run,
        dims=dict(theta=["school"], log_lik=["school"], z=["school"]),
        coords=dict(school=LABELS),
        **SETTINGS | changes,
    )


# One kind of result


def test_names_dimensions_and_statistics(run):
    d = eight(run)
    assert list(engine_draws.groups_of(d)) == ["posterior", "log_likelihood", "sample_stats"]
    assert list(d.posterior.data_vars) == ["mu", "tau", "z", "theta", "shape"]
    assert (
        d.posterior["theta"].dims == ("chain", "draw", "school")
        and list(d.posterior.school.values) == LABELS
    )
    assert d.posterior["mu"].shape == (2, 60) and d.posterior["mu"].dtype == np.float64
    assert d.log_likelihood["log_lik"].dims == ("chain", "draw", "school")
    assert set(d.sample_stats.data_vars) == {
        "lp",
        "acceptance_rate",
        "step_size",
        "tree_depth",
        "n_steps",
        "diverging",
        "energy",
    }
    assert (
        d.sample_stats["diverging"].dtype == bool and d.sample_stats["tree_depth"].dtype.kind == "i"
    )
    assert (d.sample_stats["n_steps"] < 2**9).all() and (
        d.sample_stats["energy"] > -d.sample_stats["lp"]
    ).all()


def test_matrices_keep_their_rows_and_columns(run):
    np.testing.assert_array_equal(
        eight(run).posterior["shape"].values[0, 0], [[11, 12, 13], [21, 22, 23]]
    )


def test_draws_belong_together(run):
    """theta is what the program says of mu, tau and z in each draw of each chain.

    Nothing was shuffled."""
    p = eight(run).posterior
    np.testing.assert_allclose(p.theta, p.mu + p.tau * p.z, rtol=1e-6, atol=1e-6)
    assert not np.allclose(p.mu[0], p.mu[1])


def test_only_what_is_kept(run):
    d = eight(run, keep=["tau", "mu"])
    assert list(d.posterior.data_vars) == [
        "tau",
        "mu",
    ] and "log_likelihood" not in engine_draws.groups_of(d)
    with pytest.raises(EngineError, match="no variable sigma"):
        eight(run, keep=["sigma"], cache=False)


def test_attributes_say_how_it_came_about(run):
    a = eight(run).attrs
    assert (
        a["engine"] == run
        and a["engine_version"]
        and a["program"] == "eight_schools"
        and a["seed"] == 1
        and not a["cached"]
    )
    assert json.loads(a["settings"]) == SETTINGS | dict(inits=None)
    assert set(json.loads(a["timings"])) == {"compile", "sampling"}
    assert len(a["program_sha256"]) == len(a["data_sha256"]) == 64


def test_the_same_seed_gives_the_same_draws(run):
    one, same, other = (
        eight(run, cache=False),
        eight(run, cache=False),
        eight(run, seed=2, cache=False),
    )
    assert one.posterior.equals(same.posterior) and not one.posterior.equals(other.posterior)


def test_starting_values_by_name_are_used(run):
    "Without warm-up nothing adapts: with a tiny step a chain stays where it starts"
    start = dict(mu=3.0, tau=2.0, z=np.arange(8.0) / 10)
    d = eight(
        run,
        inits=lambda rng: start,
        warmup=0,
        draws=10,
        step_size=1e-7,
        max_treedepth=1,
        cache=False,
    )
    for k, v in start.items():
        np.testing.assert_allclose(
            d.posterior[k].values[:, 0],
            np.broadcast_to(v, d.posterior[k].values[:, 0].shape),
            atol=1e-4,
        )
    assert (d.sample_stats["step_size"] == 1e-7).all()


def test_a_scale_of_starting_values(run):
    d = eight(
        run, inits=1e-3, warmup=0, draws=10, step_size=1e-7, max_treedepth=1, cache=False
    ).posterior
    # tau is exp of the unconstrained value
    assert abs(d["mu"][:, 0]).max() < 0.05 and abs(d["tau"][:, 0] - 1).max() < 0.05


@pytest.mark.parametrize("metric", ["unit_e", "diag_e"])
def test_metrics(run, metric):
    assert eight(run, metric=metric).sample_stats["step_size"].min() > 0


# The right posterior


def exact_normal(y, m0=0.0, k0=0.5, a0=2.0, b0=3.0):
    "Posterior of the conjugate normal: distributions of mu and v"
    n, k, a = len(y), k0 + len(y), a0 + len(y) / 2
    m = (k0 * m0 + n * y.mean()) / k
    b = b0 + 0.5 * ((y - y.mean()) ** 2).sum() + 0.5 * k0 * n * (y.mean() - m0) ** 2 / k
    return stats.t(2 * a, m, np.sqrt(b / (a * k))), stats.invgamma(a, scale=b)


@pytest.mark.parametrize(
    "options",
    [
        dict(),
        dict(metric="diag_e", step_size=1.0),
        dict(metric="dense_e", seed=5),
        dict(inits=0.5, seed=6),
    ],
    ids=str,
)
def test_a_posterior_known_exactly(options):
    y = np.random.default_rng(3).normal(2, 1.5, 25)
    d = sample(
        PROGRAMS / "normal.stan",
        dict(N=25, y=y, m0=0.0, k0=0.5, a0=2.0, b0=3.0),
        **dict(warmup=500, draws=1000, step_size=0.3) | options,
    ).posterior
    for name, exact in zip(("mu", "v"), exact_normal(y), strict=False):
        x = d[name].values
        assert abs(x.mean() - exact.mean()) < 4 * mcse_mean(x)
        second = (x - exact.mean()) ** 2
        assert abs(second.mean() - exact.var()) < 4 * mcse_mean(second)
        for p in (0.025, 0.25, 0.5, 0.75, 0.975):
            assert abs(np.quantile(x, p) - exact.ppf(p)) < 4 * mcse_quantile(x, p), (name, p)


def exact_eight_schools():
    """Means and SDs of mu, tau and theta.

    Theta and mu are normal given tau, and tau is summed over a fine grid."""
    y, s = EIGHT_SCHOOLS["y"], EIGHT_SCHOOLS["sigma"]
    # equal weights under the half-Cauchy(5)
    grid = np.tan(np.pi / 2 * (np.arange(20000) + 0.5) / 20000) * 5
    w = 1 / (s**2 + grid[:, None] ** 2)
    precision = w.sum(1) + 1 / 25
    m = (w * y).sum(1) / precision
    log_p = 0.5 * (np.log(w).sum(1) - np.log(precision) - (w * y**2).sum(1) + m**2 * precision)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    # theta | mu, tau: mean mu + shrink (y - mu)
    shrink = grid[:, None] ** 2 * w
    mean = m[:, None] + shrink * (y - m[:, None])
    var = shrink * s**2 + (1 - shrink) ** 2 / precision[:, None]

    def moments(mean, var):
        e = p @ mean
        return e, np.sqrt(p @ (var + mean**2) - e**2)

    return dict(mu=moments(m, 1 / precision), tau=moments(grid, 0), theta=moments(mean, var))


def test_eight_schools_agree_with_quadrature():
    exact = exact_eight_schools()
    # as posteriordb's reference draws
    assert exact["mu"][0] == pytest.approx(4.4, abs=0.1) and exact["tau"][0] == pytest.approx(
        3.6, abs=0.1
    )
    d = eight(
        "stanli", chains=4, warmup=500, draws=2500, adapt_delta=0.95, metric="diag_e", seed=4
    ).posterior
    for name, (mean, sd) in exact.items():
        x = d[name].values
        assert (abs(x.mean((0, 1)) - mean) < 4 * mcse_mean(x)).all(), name
        assert (
            abs(((x - mean) ** 2).mean((0, 1)) - sd**2) < 4 * mcse_mean((x - mean) ** 2)
        ).all(), name
    assert ess_mean(d["mu"].values) > 400


def test_engines_agree(fake):
    """The stand-in draws by stanli too, so this compares the two paths (data, starting values,
    statistics, shapes), not two samplers"""
    a, b = eight("stanli", draws=1000, chains=4), eight("cmdstan", draws=1000, chains=4)
    for v in ("mu", "tau", "theta"):
        x, y = a.posterior[v].values, b.posterior[v].values
        assert (
            abs(x.mean((0, 1)) - y.mean((0, 1))) < 4 * np.hypot(mcse_mean(x), mcse_mean(y))
        ).all()
    assert a.posterior.sizes == b.posterior.sizes and {
        k: v.dtype for k, v in a.sample_stats.items()
    } == {k: v.dtype for k, v in b.sample_stats.items()}


# CmdStan as far as it goes without one


def test_frozen_csv_files_are_parsed():
    "Files that CmdStan 2.37 wrote (metric=unit_e), read by cmdstanpy's own parser"
    import cmdstanpy

    fit = cmdstanpy.from_csv([str(FROZEN / f"eight_schools-{c}.csv") for c in (1, 2)])
    draws, statistics = read_cmdstan(fit)
    d = inference_data(draws, statistics, dims=dict(theta=["school"]), coords=dict(school=LABELS))
    assert (
        d.posterior.sizes["chain"] == 2
        and d.posterior.sizes["draw"] == 20
        and d.posterior["shape"].values[1, 19].tolist() == [[11, 12, 13], [21, 22, 23]]
    )
    line = [
        x
        for x in (FROZEN / "eight_schools-2.csv").read_text().splitlines()
        if not x.startswith("#")
    ]
    first = dict(zip(line[0].split(","), map(float, line[1].split(",")), strict=False))
    assert (
        d.posterior["mu"].values[1, 0] == first["mu"]
        and d.posterior["theta"].sel(school="008").values[1, 0] == first["theta.8"]
    )
    assert (
        d.sample_stats["energy"].values[1, 0] == first["energy__"]
        and d.sample_stats["n_steps"].values[1, 0] == first["n_leapfrog__"]
    )
    assert list(read_cmdstan(fit, keep=["tau"])[0]) == ["tau"]
    with pytest.raises(EngineError, match="no variable nu"):
        read_cmdstan(fit, keep=["nu"])


def test_stanli_draws_what_cmdstan_drew():
    """The same seed gives the draws that CmdStan 2.37 wrote.

    The run is short, because rounding parts long trajectories."""
    import cmdstanpy

    theirs = inference_data(
        *read_cmdstan(cmdstanpy.from_csv([str(FROZEN / f"eight_schools-{c}.csv") for c in (1, 2)]))
    )
    ours = sample(
        PROGRAMS / "eight_schools.stan",
        EIGHT_SCHOOLS,
        engine="stanli",
        seed=8,
        chains=2,
        warmup=20,
        draws=20,
        adapt_delta=0.9,
        step_size=0.5,
    )
    for group in ("posterior", "sample_stats", "log_likelihood"):
        for v in theirs[group].data_vars:
            np.testing.assert_allclose(
                ours[group][v], theirs[group][v], rtol=1e-5, atol=1e-5, err_msg=v
            )


def test_the_stand_in_writes_what_cmdstan_writes(fake, tmp_path):
    "The same lines, but for numbers, paths and dates"
    import re

    import cmdstanpy

    program = compile_cmdstan(*read_program(PROGRAMS / "eight_schools.stan")).executable
    cmdstanpy.CmdStanModel(exe_file=program).sample(
        data=EIGHT_SCHOOLS,
        output_dir=tmp_path / "out",
        **cmdstan_arguments(SETTINGS | dict(draws=20, warmup=20, max_treedepth=10)),
    )

    def plain(path):
        return [
            re.sub(r"(= |seconds).*", "", line)
            for line in path.read_text().splitlines()
            if line.startswith("#") or line.startswith("lp__")
        ]

    ours, theirs = (
        plain(next((tmp_path / "out").glob("*_1.csv"))),
        plain(FROZEN / "eight_schools-1.csv"),
    )
    assert [re.sub(r"[\d.]+", "0", x) for x in ours] == [re.sub(r"[\d.]+", "0", x) for x in theirs]
    assert (
        cmdstanpy.from_csv(str(tmp_path / "out" / "*_1.csv")).column_names
        == cmdstanpy.from_csv(str(FROZEN / "eight_schools-1.csv")).column_names
    )


def test_a_csv_cut_short_is_an_error(tmp_path):
    import cmdstanpy

    text = (FROZEN / "eight_schools-1.csv").read_text()
    (tmp_path / "cut-1.csv").write_text(text[: len(text) // 2])
    with pytest.raises(ValueError):
        cmdstanpy.from_csv([str(tmp_path / "cut-1.csv")])


def test_arguments_of_cmdstan():
    a = cmdstan_arguments(SETTINGS, 1.0)
    assert (
        a["chains"],
        a["seed"],
        a["iter_warmup"],
        a["iter_sampling"],
        a["adapt_delta"],
        a["max_treedepth"],
        a["metric"],
        a["step_size"],
    ) == (2, 1, 100, 60, 0.9, 9, "unit_e", 0.5)
    assert a["inits"] == pytest.approx(3**0.5) and a["sig_figs"] >= 9
    by_name = [dict(mu=1.0), dict(mu=2.0)]
    assert (
        cmdstan_arguments(SETTINGS, by_name)["inits"] == by_name
        and cmdstan_arguments(SETTINGS, None)["inits"] is None
    )
    import inspect

    import cmdstanpy

    assert set(a) <= set(inspect.signature(cmdstanpy.CmdStanModel.sample).parameters)


def test_programs_are_compiled_once_in_the_cache_folder(fake, tmp_path):
    eight("cmdstan")
    programs = list((tmp_path / "cache" / "cmdstan").glob("*/eight_schools"))
    assert len(programs) == 1
    made = programs[0].stat().st_mtime_ns
    eight("cmdstan", seed=3)
    assert programs[0].stat().st_mtime_ns == made
    assert not list(PROGRAMS.glob("*.hpp")) and not (PROGRAMS / "eight_schools").exists()


def test_without_cmdstan():
    assert choose_engine("auto")[0] == "stanli"
    with pytest.raises(EngineError, match="CmdStan is not installed.*install_cmdstan") as e:
        choose_engine("cmdstan")
    assert "\n" not in str(e.value)
    with pytest.raises(EngineError, match="no engine 'jags'"):
        choose_engine("jags")


def test_cmdstan_errors_are_engine_errors(fake):
    with pytest.raises(EngineError, match="did not compile"):
        sample("parameters { real x } model { }", {}, engine="cmdstan", **SETTINGS)


# Programs

sys.path.append(str(ROOT / "tools"))
import stan_format  # noqa: E402

STANC = stan_format.stanc()


@pytest.mark.parametrize("path", stan_format.files(), ids=lambda p: p.name)
def test_programs_are_in_the_form_of_the_formatter(path):
    text = path.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 100
    if not STANC:
        absent("cmdstan", "no stanc to format programs with")
    assert text == stan_format.formatted(STANC, path), "run `make stan-format`"


@pytest.mark.parametrize("path", sorted((ROOT / "stan").glob("*.stan")), ids=lambda p: p.stem)
def test_pedantic_mode_finds_nothing(path, tmp_path):
    """But for priors, which are added up in `lprior` or follow from coordinates, where stanc
    does not see them"""
    if not STANC:
        absent("cmdstan", "no stanc to look at programs with")
    assert stan_format.warnings(STANC, path, tmp_path / "out.hpp") == []


def test_pedantic_mode_finds_what_is_wrong(tmp_path):
    if not STANC:
        absent("cmdstan", "no stanc to look at programs with")
    wrong = tmp_path / "wrong.stan"
    wrong.write_text(
        "parameters {\n  real x;\n}\nmodel {\n  array[2] int k;\n  x ~ normal(k[1], 1);\n}\n"
    )
    assert "may not have been assigned" in " ".join(
        stan_format.warnings(STANC, wrong, tmp_path / "out.hpp")
    )


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "stan").glob("*.stan")) + sorted(PROGRAMS.glob("*.stan")),
    ids=lambda p: p.stem,
)
def test_programs_are_accepted_by_the_stan_compiler(path, tmp_path):
    "By stanli's stanc3 always, and by the stanc of CmdStan where there is one"
    import re

    import stanli

    name, text = read_program(path)
    assert stanli.stan_to_mir(text)
    # CmdStan checks the start of a slice even when the slice is empty, and stanli does not: x[K + 1
    # : K + Q] stops CmdStan where Q is 0
    assert not re.findall(r"\[[^\[\]:,]* \+ 1 : ", text), (
        "use head, tail or segment for a slice that may be empty"
    )
    if STANC:
        (tmp_path / f"{name}.stan").write_text(text)
        r = subprocess.run(
            [STANC, "--o", str(tmp_path / "out.hpp"), str(tmp_path / f"{name}.stan")],
            capture_output=True,
            text=True,
        )
        assert r.returncode == 0, r.stdout + r.stderr
        assert "Warning" not in r.stderr, r.stderr


def test_a_program_that_is_wrong_says_where():
    with pytest.raises(EngineError, match="(?s)program: .*line 1"):
        sample("parameters { real x } model { }", {}, engine="stanli", **SETTINGS)


@pytest.mark.parametrize(
    "data, say",
    [
        (dict(J=8, y=EIGHT_SCHOOLS["y"]), "sigma"),
        (EIGHT_SCHOOLS | dict(J=9), "y"),
        (EIGHT_SCHOOLS | dict(sigma=-EIGHT_SCHOOLS["sigma"]), "sigma"),
        (EIGHT_SCHOOLS | dict(y=["a"] * 8), "numbers"),
    ],
    ids=["absent", "length", "range", "text"],
)
def test_data_that_is_wrong_is_named(data, say):
    with pytest.raises(EngineError, match=say):
        sample(PROGRAMS / "eight_schools.stan", data, engine="stanli", **SETTINGS)


@pytest.mark.parametrize(
    "bad",
    [dict(seed=-1), dict(seed=2**32), dict(chains=0), dict(warmup=-1), dict(draws=0)],
    ids=str,
)
def test_settings_that_cannot_be(bad):
    with pytest.raises(
        EngineError, match=f"{next(iter(bad))} is {next(iter(bad.values()))}; it must be"
    ):
        eight("stanli", **bad)


def test_too_little_memory_is_said(monkeypatch):
    import stanli

    def full(*a, **k):
        raise MemoryError("Unable to allocate 30 GiB")

    monkeypatch.setattr(stanli.Model, "sample", full)
    with pytest.raises(EngineError, match="not enough memory for 2 chains of 60 draws .*30 GiB"):
        eight("stanli")


def test_wide_vectors_are_kept_in_single_precision():
    d = sample(
        "data { int N; } parameters { real m; } model { m ~ normal(0, 1); }"
        " generated quantities { vector[N] wide = rep_vector(m, N); vector[2] narrow = [m, m]'; }",
        dict(N=201),
        **SETTINGS,
    )
    assert (
        d.posterior["wide"].dtype == np.float32
        and d.posterior["narrow"].dtype == d.posterior["m"].dtype == np.float64
    )


def test_package_programs_are_found_from_a_wheel_and_a_checkout(tmp_path, monkeypatch):
    assert (
        engine_programs.stan_folder() == ROOT / "stan"
        or engine_programs.stan_folder().parent.name == "schoolvar"
    )
    (tmp_path / "schoolvar" / "stan").mkdir(parents=True)
    monkeypatch.setattr(engine_programs, "files", tmp_path.joinpath)
    assert engine_programs.stan_folder() == tmp_path / "schoolvar" / "stan"


# Progress and Ctrl-C


@pytest.mark.parametrize(
    "environment, tty, shown",
    [
        ({}, True, True),
        ({}, False, False),
        ({"CI": "true"}, True, False),
        ({"CI": "false"}, True, True),
    ],
)
def test_where_a_bar_is_shown(monkeypatch, environment, tty, shown):
    monkeypatch.delenv("CI", raising=False)
    for k, v in environment.items():
        monkeypatch.setenv(k, v)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: tty, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", None) if "IPython" not in sys.modules else None
    monkeypatch.delitem(sys.modules, "IPython")
    assert engine_progress.shows_progress() is shown


@pytest.mark.parametrize("wanted", [True, False])
def test_the_bar_goes_to_stderr_and_is_silent_when_not_wanted(wanted, capfd, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    eight("stanli", progress=wanted, label="Saeb")
    out, err = capfd.readouterr()
    assert out == "" and (("Saeb" in err and "%" in err) if wanted else err == "")


def test_the_bar_in_a_notebook(monkeypatch, tmp_path):
    "Drawn in the cell's output, with nothing but the bar; silent in CI and where nobody looks"
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    cell = (
        "from schoolvar.sampling.engine import sample\n"
        "d = sample('parameters { vector[50] x; } model { x ~ normal(0, 1); }', {}, warmup=400,"
        " draws=400, label='Schools', engine='stanli', cache=False)"
    )

    class Opened(NotebookClient):
        "As JupyterLab runs a cell: somebody is there who can be asked."

        async def async_start_new_kernel_client(self):
            client = await super().async_start_new_kernel_client()
            client.allow_stdin = True
            return client

    # NotebookClient is what papermill and nbconvert run a notebook with
    watched, batch = ("", Opened, True), ("", NotebookClient, False)
    for ci, client, shown in (watched, batch, ("true", Opened, False)):
        monkeypatch.setenv("CI", ci)
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
        client(nb, timeout=120, kernel_name="python3").execute()
        out = "".join(str(o.get("text", o)) for o in nb.cells[0].outputs)
        assert ("Schools" in out) is shown and "Warning" not in out and "Iteration" not in out, out


def test_progress_changes_no_draw():
    assert eight("stanli", progress=True, cache=False).posterior.equals(
        eight("stanli", progress=False, cache=False).posterior
    )


def test_ctrl_c_stops_sampling_and_leaves_nothing(tmp_path):
    code = (
        "import sys; from schoolvar.sampling.engine import sample\nprint('ready', flush=True)\n"
        "sample('data { int N; } parameters { vector[N] x; } model { x ~ normal(0, 1); }',"
        " dict(N=3000), warmup=100000, draws=10, step_size=1e-3)"
    )
    p = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SCHOOLVAR_CACHE": str(tmp_path / "c")},
    )
    assert p.stdout.readline() == "ready\n"
    time.sleep(4)
    p.send_signal(signal.SIGINT)
    clock = time.perf_counter()
    _, err = p.communicate(timeout=30)
    assert time.perf_counter() - clock < 20 and "KeyboardInterrupt" in err and p.returncode != 0
    assert [
        f.name for f in (tmp_path / "c").rglob("*") if f.is_file() and f.suffix != ".lock"
    ] == []
