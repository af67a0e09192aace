"Verdicts, false alarms and words: on tables made by hand, without sampling; and formulas that must not run."

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schoolvar.consistency.inclusion import (
    TYPICAL,
    UNKNOWN,
    UNUSUAL,
    bayes_factor,
    borderline,
    direction,
    false_discovery_rate,
    flag_at_rate,
    ratio_words,
    verdicts,
)
from schoolvar.consistency.verdicts import flagged, statements, summary
from schoolvar.core.formula import (
    TRANSFORMATIONS,
    DesignMatrix,
    FormulaError,
    centre_within,
    formula_columns,
    read_formula,
)
from schoolvar.sampling.fit import Fit

pips = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def table():
    pip = np.array([0.99, 0.93, 0.752, 0.5, 0.48, 0.2])
    effect = np.array([-0.3, 0.25, -0.1, 0.02, -0.01, 0.001])
    s = pd.DataFrame(
        dict(
            school=list("abcdef"),
            n=[90, 70, 40, 12, 1, 300],
            mean=0.0,
            sd=1.0,
            effect=effect,
            pip=pip,
            pip_mcse=0.002,
            direction=direction(effect),
            verdict=verdicts(pip),
            ratio=np.exp(effect),
            ratio_lower=np.exp(effect - 0.1),
            ratio_upper=np.exp(effect + 0.1),
        )
    )
    s["borderline"] = borderline(s.pip, s.pip_mcse)
    p = pd.DataFrame(dict(parameter=["scale_intercept", "sd_location"], mean=[0.0, 0.3], sd=0.1))
    return Fit(
        "consistency",
        p,
        s,
        None,
        dict(
            settings=dict(threshold=0.75),
            priors=dict(prior_inclusion="0.5"),
            diagnostics=dict(ok=True, verdict="The chains agree."),
        ),
    )


@given(pips, st.floats(0.51, 0.99))
def test_every_school_has_one_state(p, threshold):
    v = verdicts(p, threshold)
    assert set(v) <= {UNUSUAL, TYPICAL, UNKNOWN}
    assert ((np.array(p) >= threshold) == (v == UNUSUAL)).all()


@given(pips, st.floats(0.01, 0.9))
def test_a_set_chosen_at_a_rate_keeps_it_and_is_the_largest(p, rate):
    p = np.array(p)
    chosen = flag_at_rate(p, rate)
    assert false_discovery_rate(p, chosen) <= rate + 1e-12
    if (~chosen).any():
        more = chosen.copy()
        more[np.flatnonzero(~chosen)[np.argmax(p[~chosen])]] = True
        assert false_discovery_rate(p, more) > rate - 1e-12
        assert not chosen.any() or p[chosen].min() >= p[~chosen].max()


def test_a_higher_rate_flags_no_fewer():
    p = np.random.default_rng(1).beta(0.6, 0.6, 200)
    counts = [flag_at_rate(p, r).sum() for r in (0.01, 0.05, 0.1, 0.2, 0.4)]
    assert counts == sorted(counts) and counts[0] < counts[-1]


def test_evidence_is_relative_to_the_prior():
    assert bayes_factor(0.5, 0.5) == pytest.approx(1) and bayes_factor(0.1, 0.1) == pytest.approx(1)
    assert bayes_factor(0.75, 0.25) == pytest.approx(9)
    assert np.isinf(bayes_factor(1.0, 0.5))


def test_borderline_is_two_monte_carlo_errors():
    assert borderline([0.752, 0.758, 0.25, 0.5], 0.002).tolist() == [True, False, True, False]
    assert not borderline([0.8], [0.0], 0.75)[0]


def test_flagged_schools_and_their_false_alarms():
    f = flagged(table())
    assert f.school.tolist() == ["a", "b", "c"] and f.attrs["expected_false"] == pytest.approx(
        (0.01 + 0.07 + 0.248) / 3
    )
    assert flagged(table(), rate=0.05).school.tolist() == ["a", "b"]


def test_words():
    s = statements(table())
    assert s["a"].startswith("Unusual, more consistent: students here vary 26 % less than typical")
    assert s["b"].startswith("Unusual, less consistent: students here vary 28 % more than typical")
    assert "within Monte Carlo error" in s["c"] and "1 student (" in s["e"]
    assert s["f"].startswith("Typical")
    assert ratio_words(0.82, 0.70, 0.95) == "students here vary 18 % less than typical [5, 30]"


def test_the_summary_counts():
    said = " ".join(summary(table()))
    for part in (
        "6 schools with 513 students",
        "3 are unusual (2 more consistent than typical, 1 less)",
        "1 are typical",
        "for 2 there is not enough data",
        "borderline",
        "Prior probability",
    ):
        assert part in said, part


# ---- formulas


@pytest.mark.parametrize(
    "bad",
    [
        "__import__('os').system('touch pwned')",
        "x + __import__('os')",
        "eval('1')",
        "os.system(x)",
        "x.__class__",
        "(lambda: 0)()",
        "np.log(x)",
        "log(x, eval(x))",
        "I(open(x))",
        "C(x, levels=[__import__('os')])",
        "log(x).__class__",
        "{x.y}",
        "{eval(x)}",
        "x[eval(x)]",
        "f'{x}'",
        "x | y",
        "(1 | f(x))",
        "((((((",
        "x ^ 2",
        "x; y",
        "x\n+ import os",
        "%%bash",
        "",
        "   ",
        "~",
        "x ~",
    ],
)
def test_only_models_are_evaluated(bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(dict(x=[1.0, 2, 3], y=[1.0, 0, 1]))
    with pytest.raises(FormulaError) as e:
        f = read_formula(bad)
        if f.factor and not f.factor.replace("_", "").isalnum():
            raise FormulaError("grouped by something that is no column")
        DesignMatrix(f.common, frame)
    assert "\n" not in str(e.value) and not list(tmp_path.iterdir())


@settings(max_examples=300)
@given(st.text(alphabet="xyz1 +-*/:()|~.,'_[]{}=<>!^`logeval", max_size=40))
def test_any_text_is_a_formula_or_a_formula_error(text):
    try:
        f = read_formula(text)
    except FormulaError as e:
        assert "\n" not in str(e)
    else:
        assert isinstance(f.columns, list)


def test_every_listed_transformation_works():
    frame = pd.DataFrame(dict(x=[1.0, 2, 4, 8], g=list("abab")))
    for name in TRANSFORMATIONS:
        arg = "g" if name == "C" else "x * 2" if name == "I" else "x"
        assert np.isfinite(DesignMatrix(f"{name}({arg})", frame).matrix).all()


def test_new_data_are_treated_as_the_old():
    old, new = pd.DataFrame(dict(x=[1.0, 2, 3, 6])), pd.DataFrame(dict(x=[5.0]))
    assert DesignMatrix("center(x)", old).new(new)[0, 1] == 2
    assert DesignMatrix("scale(x)", old).new(new)[0, 1] == pytest.approx(2 / np.std([1.0, 2, 3, 6]))


def test_columns_with_spaces_and_terms_with_bars():
    assert formula_columns("`free lunch` + (1 + `free lunch` | school_id)", "ses") == [
        "free lunch",
        "ses",
    ]
    f = read_formula("(1 | school_id) + ses")
    assert (f.common, f.effects) == ("ses", "1")


def test_centring_separates_within_and_between():
    d = centre_within(
        pd.DataFrame(dict(school_id=list("aabb"), ses=[1.0, 3, 5, 9])), "ses", mean_as="mean_ses"
    )
    assert d.groupby("school_id").ses.mean().tolist() == [
        0,
        0,
    ] and d.mean_ses.mean() == pytest.approx(0)
    with pytest.raises(FormulaError, match="column wealth"):
        centre_within(d, "wealth")
