"Formulas put side by side."

import pytest

from schoolvar.consistency.compare import compare_consistency
from schoolvar.data.scores import read_scores
from schoolvar.data.simulate import simulate_scores

SHORT = dict(draws=250, rounds=1)


def test_the_formula_that_made_the_scores_is_best():
    simulated = simulate_scores(n_schools=60, students=25, ses_slope=0.3, seed=12)
    scores = read_scores(simulated.frame, covariates=["student_ses"])
    models = dict(intercepts={}, ses=dict(location="student_ses"))
    table, fits = compare_consistency(scores, models, sampler=SHORT)
    assert table.model.tolist() == ["ses", "intercepts"] and table.n.tolist() == [60, 60]
    assert table.elpd_diff[1] < -4 * table.se_diff[1] and list(fits) == ["intercepts", "ses"]


def test_what_cannot_be_compared():
    simulated = simulate_scores(n_schools=10, students=10, seed=1)
    scores = read_scores(simulated.frame, covariates=["student_ses"])
    with pytest.raises(ValueError, match="two models or more"):
        compare_consistency(scores, dict(one={}))
