"Comparison by leaving rows and schools out."

import pytest

from schoolvar.achievement.compare import compare
from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts
from schoolvar.data.simulate import simulate_counts
from schoolvar.sampling.loo import BAD_K


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SCHOOLVAR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_the_ladder_is_put_in_order():
    "Simulated with cohorts and subjects: M3 beats M2 beats M1."
    s = simulate_counts(80, sd_school=0.63, sd_cohort=0.395, sd_subject=0.25, students=60, seed=5)
    result = compare(read_counts(s.frame))
    assert result.table.model.tolist() == [
        "M3",
        "M2",
        "M1",
    ] and result.by_school.model.tolist() == ["M3", "M2", "M1"]
    assert list(result.table.columns[:6]) == [
        "model",
        "elpd",
        "elpd_diff",
        "se_diff",
        "p_loo",
        "pareto_k_bad",
    ]
    assert (
        (result.table.elpd_diff.iloc[1:] < -2 * result.table.se_diff.iloc[1:]).all()
        and result.by_school.pareto_k_bad.max() == 0
        and BAD_K == 0.7
    )
    assert "never seen" in result.sentences()[1] and result.manifest["diagnostics"]["ok"]


def test_one_model_is_no_comparison():
    with pytest.raises(DataError, match="two different models"):
        compare(None, models=["M2", "M2"])
