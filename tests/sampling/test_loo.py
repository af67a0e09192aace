"Leaving one out by importance weights, and the table that compares models."

import numpy as np
import pandas as pd
import pytest

from schoolvar.sampling.loo import compare_table, psis_loo


def test_loo_is_arviz_loo():
    import warnings

    from schoolvar.sampling.draws import arviz

    az = arviz()
    x = np.random.default_rng(1).normal(-2, 0.3, (4, 250, 30))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        groups = dict(posterior=dict(a=x[..., 0]), log_likelihood=dict(y=x))
        expected = az.loo(
            az.from_dict(**groups) if hasattr(az, "psislw") else az.from_dict(groups),
            pointwise=True,
            reff=1.0,
        )
    elpd, p = (
        (expected.elpd_loo, expected.p_loo)
        if hasattr(az, "psislw")
        else (expected.elpd, expected.p)
    )
    t = psis_loo(x.reshape(-1, 30))
    assert t.elpd.sum() == pytest.approx(float(elpd), abs=1e-6) and (
        t.lppd - t.elpd
    ).sum() == pytest.approx(float(p), abs=1e-6)


def test_differences_are_from_the_best():
    a = pd.DataFrame(
        dict(elpd=[-1.0, -2.0, -3.0], lppd=[-0.9, -1.9, -2.9], pareto_k=[0.1, 0.8, 0.2])
    )
    t = compare_table(dict(worse=a.assign(elpd=a.elpd - [0.1, 0.2, 0.6]), better=a))
    assert (
        t.model.tolist() == ["better", "worse"]
        and t.elpd_diff.tolist() == pytest.approx([0, -0.9])
        and t.pareto_k_bad.tolist() == [1, 1]
    )
    assert t.se_diff[1] == pytest.approx(np.sqrt(3) * np.std([0.1, 0.2, 0.6])) and t.p_loo[
        0
    ] == pytest.approx(0.3)
