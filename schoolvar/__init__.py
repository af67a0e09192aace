"""Which schools are unusually consistent, what schools add, and how sure we can be.

    import schoolvar as sv

    fit = sv.fit_consistency(sv.read_scores("scores.csv"))  # or fit_achievement, fit_value_added
    fit.summary(), fit.plot(), fit.save("fits/consistency")
    sv.render_reports("reports", consistency="fits/consistency")

A fit has `summary, draws, predict, loo, ppc, sensitivity, plot, save`, whatever its family, and
`sv.load_fit(folder)` reads it again. Charts of tables are in `sv.charts`, e.g.
`sv.charts.plot_pip`; public data are in `sv.datasets`. All errors that a user can cause are one
line. What is not here is in the rooms, e.g. `schoolvar.achievement.frequentist`.
"""

__version__ = "0.1.0"
import importlib as _importlib

import lazy_loader as _lazy

# Names load on first use: `schoolvar --help` must not wait for pandas, ArviZ and Altair.
_load, _, __all__ = _lazy.attach(
    __name__,
    submodules=["charts"],
    submod_attrs={
        "core.errors": ["DataError"],
        "core.formula": ["FormulaError", "centre_within"],
        "data.counts": ["Counts", "read_counts"],
        "data.scores": ["Scores", "read_scores"],
        "data.province": ["simulate_province"],
        "sampling.fit": ["Fit", "FitError", "load_fit"],
        "achievement.fit": ["AchievementFit", "fit_achievement"],
        "achievement.compare": ["compare"],
        "consistency.fit": ["ConsistencyFit", "fit_consistency"],
        "consistency.compare": ["compare_consistency"],
        "consistency.predict": ["detectable_ratio"],
        "value_added.eligibility": ["EligibilityRules"],
        "value_added.fit": ["ValueAddedFit", "fit_value_added"],
        "report.disclosure": ["DisclosurePolicy"],
        "report.fits": ["ReportError"],
        "report.build": ["render_reports"],
        "cases.study": ["StudyError", "study"],
    },
)

__all__ = sorted([*__all__, "datasets"])


def __getattr__(name):
    "A name of the face, from where it is defined"
    if name == "datasets":
        return _importlib.import_module("schoolvar.data.datasets")
    return _load(name)


def __dir__():
    "The names of the face, which are fewer than the rooms that Python has seen"
    return [*__all__, "__version__"]
