"""`import schoolvar as sv`.

What stands there, what each name says of itself, and that it costs nothing before it is used."""

import inspect
import subprocess
import sys

import pytest

import schoolvar as sv
from schoolvar.sampling.fit import METHODS, Fit

NAMES = """
AchievementFit ConsistencyFit Counts DataError DisclosurePolicy EligibilityRules Fit FitError
FormulaError ReportError Scores StudyError ValueAddedFit centre_within charts compare compare_consistency
datasets detectable_ratio fit_achievement fit_consistency fit_value_added load_fit read_counts
read_scores render_reports simulate_province study
""".split()
FAMILIES = ("AchievementFit", "ConsistencyFit", "ValueAddedFit")
# what a docstring has to tell, and words by one of which it does
UNITS = ("logits", "unit", "share", "number", "SD", "digits", "ratio", "nats", "students", "values")
SHAPES = ("row", "folder", "column", "file")
STATISTICAL = ("fit_achievement", "fit_consistency", "fit_value_added", "compare", "centre_within")


def test_the_names_that_a_tabulator_shows():
    assert [n for n in dir(sv) if not n.startswith("_")] == sorted(NAMES) == sorted(sv.__all__)
    assert 20 <= len(NAMES) <= 30 and sv.__version__


@pytest.mark.parametrize("name", NAMES)
def test_each_name_says_what_it_is(name):
    told = inspect.getdoc(getattr(sv, name)) or ""
    first, _, rest = told.partition("\n")
    assert len(first) > 30, told
    what = getattr(sv, name)
    if inspect.ismodule(what):
        return
    assert len(rest.split()) >= 8, f"{name}: one line is not enough: {told}"
    if inspect.isfunction(what):
        assert any(w in told for w in UNITS), f"{name}: in which unit? {told}"
        assert any(w in told for w in SHAPES), f"{name}: of which shape? {told}"
        assert "Raises" in told or name == "detectable_ratio", f"{name}: which errors? {told}"
    if name in STATISTICAL:
        assert "doi" in told or "20" in told, f"{name}: from where? {told}"


@pytest.mark.parametrize("family", FAMILIES)
def test_families_have_the_same_methods(family):
    """Each public method of the contract is there with a docstring.

    A family that lacks one says so in one line."""
    cls = getattr(sv, family)
    assert issubclass(cls, Fit) and cls.family
    for method in METHODS:
        assert inspect.getdoc(getattr(cls, method)), method
    own = [m for m in METHODS if m in vars(cls)]
    assert {"summary", "draws", "plot"} <= set(own), own


def test_every_chart_is_there_by_its_name():
    names = [n for n in dir(sv.charts) if not n.startswith("_")]
    assert sum(n.startswith("plot_") for n in names) >= 35
    for name in names:
        assert getattr(sv.charts, name).__doc__, name


def test_the_face_costs_nothing_before_it_is_used():
    code = (
        "import schoolvar as sv, sys; dir(sv); "
        "print([m for m in ('numpy', 'pandas', 'arviz', 'altair', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
    code = "import schoolvar as sv, sys; sv.charts; print('altair' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
