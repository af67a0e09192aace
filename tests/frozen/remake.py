"""Makes the frozen draws beside this file: `python tests/frozen/remake.py`. Run it when a program or the kept form changes."""
from pathlib import Path
import sys

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

if __name__ == "__main__":
    import stanli
    import fake_cmdstan
    from frozen_fits import EIGHT_SCHOOLS, LABELS
    from schoolvar import engine
    program = HERE.parent / "programs" / "eight_schools.stan"
    idata = engine.sample(program, EIGHT_SCHOOLS, seed=8, warmup=300, draws=400, step_size=.5, adapt_delta=.95, metric="diag_e", engine="stanli", cache=False,
                          keep=["mu", "tau", "theta", "log_lik"], dims=dict(theta=["school"], log_lik=["school"]), coords=dict(school=LABELS))
    idata.attrs["timings"] = '{"compile": 0.02, "sampling": 0.05}'      # of no interest, and different each time
    engine.save_draws(idata, HERE / "eight_schools.nc", compress=True)
    a = dict(num_samples="60", num_warmup="200", delta="0.9", max_depth="10", metric="unit_e", stepsize="0.5", seed="8", sig_figs="10")
    fit = stanli.Model(stan_file=str(program), data=EIGHT_SCHOOLS).sample(chains=2, seed=8, warmup=200, samples=60, delta=.9, metric="unit_e", step_size=.5, refresh=0)
    for c in range(2):
        (HERE / f"eight_schools-{c + 1}.csv").write_text(fake_cmdstan.csv("eight_schools", a | dict(id=str(c + 1)), fit, c))
