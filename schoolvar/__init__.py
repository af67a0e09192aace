"""Which schools are unusually consistent, what schools add, and how sure we can be."""
__version__ = "0.1.0"
import lazy_loader as _lazy

# Names load on first use: `schoolvar --help` must not wait for pandas, ArviZ and Altair.
__getattr__, __dir__, __all__ = _lazy.attach(__name__, submod_attrs={
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
    "charts.style": ["to_svg", "to_png", "wording", "Wording"],
    "charts.html": ["enable_charts", "chart_block", "write_assets"],
    "charts.consistency": ["plot_pip", "plot_pip_sd", "plot_pip_mean", "plot_scale_effects", "plot_school_sds", "plot_prior_sensitivity", "plot_power", "plot_fdr", "plot_sd_check"],
    "charts.achievement": ["plot_shrinkage", "plot_caterpillar", "plot_effects", "plot_districts", "plot_shrinkage_models", "plot_shrinkage_n"],
    "charts.models": ["plot_variance", "plot_school_sd", "plot_loo", "plot_methods", "plot_count_check"],
    "charts.ranks": ["plot_funnel", "plot_ranks", "plot_tenths", "plot_pairs"],
    "charts.diagnostics": ["plot_trace", "plot_rank_bars", "plot_convergence"],
    "charts.value_added": ["plot_slope", "plot_quality_effect", "plot_value_added", "plot_bins", "plot_bin_table", "plot_disagreement"],
    "charts.calibration": ["plot_sbc", "plot_reliability", "plot_coverage", "plot_rates", "plot_scaling", "plot_peers", "plot_z"],
    "report.disclosure": ["DisclosurePolicy"],
    "report.build": ["render_reports"],
})
