"Every model, fitted by each engine, is the same posterior. Runs where CMDSTAN is set."

import os
import shutil

import numpy as np
import pytest
from conftest import absent

pytestmark = [pytest.mark.cmdstan, pytest.mark.slow]
CMDSTAN = os.environ.get("CMDSTAN")


@pytest.fixture(autouse=True)
def compiled_once(request, monkeypatch):
    if not CMDSTAN:
        absent("cmdstan", "CMDSTAN is not set")
    kept = request.config.cache.mkdir("schoolvar")
    shutil.rmtree(kept / "fits", ignore_errors=True)
    monkeypatch.setenv("SCHOOLVAR_CACHE", str(kept))


def consistency(**k):
    from schoolvar.consistency.fit import fit_consistency
    from schoolvar.data.scores import read_scores
    from schoolvar.data.simulate import simulate_scores

    return fit_consistency(read_scores(simulate_scores(60, seed=4).frame, school="school_id"), **k)


def achievement(model):
    def fit(**k):
        from schoolvar.achievement.fit import fit_achievement
        from schoolvar.data.counts import read_counts
        from schoolvar.data.simulate import simulate_counts

        return fit_achievement(read_counts(simulate_counts(60, seed=4).frame), model=model, **k)

    return fit


def value_added(method):
    def fit(**k):
        from schoolvar.data.counts import read_counts
        from schoolvar.data.simulate import simulate_two_grades
        from schoolvar.value_added.fit import fit_value_added

        return fit_value_added(
            read_counts(simulate_two_grades(80, seed=4).frame),
            method=method,
            compare_methods=False,
            **k,
        )

    return fit


@pytest.mark.parametrize(
    "fit",
    [consistency, *map(achievement, ("M0", "M1", "M2", "M3")), *map(value_added, ("joint", "me"))],
    ids=["consistency", "M0", "M1", "M2", "M3", "joint", "me"],
)
def test_the_same_posterior(fit, record_property):
    a, b = fit(engine="stanli", seed=1), fit(engine="cmdstan", seed=2)
    assert (
        a.manifest["run"]["engine"] == "stanli"
        and b.manifest["run"]["engine"] == "cmdstan"
        and a.ok
        and b.ok
    )
    x, y = a.parameters.set_index("parameter"), b.parameters.set_index("parameter")
    assert list(x.index) == list(y.index) and list(a.schools) == list(b.schools)
    z = (x["mean"] - y["mean"]) / np.hypot(x["mcse_mean"], y["mcse_mean"])
    record_property("z", z.round(2).to_dict())
    print(
        z.round(2).to_dict(), a.manifest["timings"]["sampling"], b.manifest["timings"]["sampling"]
    )
    assert z.abs().max() < 4.5
    # an end has about three times the error of a mean
    for end in ("q2.5", "q97.5"):
        assert (abs(x[end] - y[end]) < 6 * 3 * np.hypot(x["mcse_mean"], y["mcse_mean"])).all()
    effect = "effect" if "effect" in a.schools else "value_added"
    gap = a.schools[effect] - b.schools[effect]
    assert (
        abs(gap).max() < 0.25 * a.schools[effect].std()
        and abs(gap.mean()) < 0.1 * a.schools[effect].std()
    )
