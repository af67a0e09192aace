"""Which schools are unusually consistent, what schools add, and how sure we can be."""

__version__ = "0.1.0"
import lazy_loader as _lazy

# Names load on first use: `schoolvar --help` must not wait for pandas, ArviZ and Altair.
__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submodules={"charts"},
    submod_attrs={
        "core.errors": ["DataError"],
        "core.formula": ["centre_within", "FormulaError"],
        "data.counts": ["read_counts", "Counts"],
        "data.scores": ["read_scores", "Scores"],
        "data.simulate": ["simulate_province"],
        "sampling.fit": ["Fit"],
        "achievement.posterior": ["variance_shares", "school_sd"],
        "achievement.fit": ["fit_achievement"],
        "achievement.compare": ["compare"],
        "consistency.predict": ["predict", "sd_check", "prior_sd_check", "detectable_ratio"],
        "consistency.verdicts": ["flagged", "summary", "school_draws", "unusual_by"],
        "consistency.fit": ["fit_consistency"],
        "consistency.compare": ["compare_consistency"],
        "consistency.sensitivity": ["prior_sensitivity", "power_scaling"],
        "value_added.eligibility": ["EligibilityRules"],
        "value_added.fit": ["fit_value_added"],
        "report.disclosure": ["DisclosurePolicy"],
        "report.build": ["render_reports"],
        "cases.study": ["study", "StudyError"],
    },
)
