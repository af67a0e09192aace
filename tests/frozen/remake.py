"""Makes eight_schools.nc beside this file: `python tests/frozen/remake.py`. Run it when a program or the kept form changes.

The CSV files are what CmdStan 2.37 itself wrote for tests/programs/eight_schools.stan, for id=1 and id=2:
    eight_schools sample num_samples=20 num_warmup=20 adapt delta=0.9 algorithm=hmc metric=unit_e stepsize=0.5 id=1 \\
        data file=eight_schools.data.json random seed=8 output file=eight_schools-1.csv sig_figs=10
"""
from pathlib import Path
import sys

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

if __name__ == "__main__":
    from frozen_fits import EIGHT_SCHOOLS, LABELS
    from schoolvar import engine
    program = HERE.parent / "programs" / "eight_schools.stan"
    idata = engine.sample(program, EIGHT_SCHOOLS, seed=8, warmup=300, draws=400, step_size=.5, adapt_delta=.95, metric="diag_e", engine="stanli", cache=False,
                          keep=["mu", "tau", "theta", "log_lik"], dims=dict(theta=["school"], log_lik=["school"]), coords=dict(school=LABELS))
    idata.attrs["timings"] = '{"compile": 0.02, "sampling": 0.05}'      # of no interest, and different each time
    engine.save_draws(idata, HERE / "eight_schools.nc", compress=True)
