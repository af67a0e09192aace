"""Which schools are unusually consistent, what schools add, and how sure we can be."""
__version__ = "0.1.0"
import lazy_loader as _lazy

# Names load on first use: `schoolvar --help` must not wait for pandas, ArviZ and Altair.
__getattr__, __dir__, __all__ = _lazy.attach(__name__, submod_attrs={
    "data": ["read_scores", "read_counts", "Scores", "Counts", "DataError"],
    "simulate": ["simulate_province"],
    "value_added": ["fit_value_added"],
    "achievement": ["fit_achievement", "variance_shares", "school_sd"],
    "compare": ["compare"],
    "eligibility": ["EligibilityRules"],
    "fit": ["Fit"],
    "consistency": ["fit_consistency"],
    "formulas": ["centre_within", "FormulaError"],
    "consistency_predict": ["predict", "sd_check", "prior_sd_check", "detectable_ratio"],
    "consistency_loo": ["compare_consistency"],
    "sensitivity": ["prior_sensitivity", "power_scaling"],
    "verdicts": ["flagged", "summary", "school_draws", "unusual_by"],
    "charts_consistency": ["plot_pip", "plot_pip_sd", "plot_pip_mean", "plot_scale_effects", "plot_school_sds", "plot_prior_sensitivity", "plot_power", "plot_fdr", "plot_sd_check"],
    "charts_achievement": ["plot_shrinkage", "plot_caterpillar", "plot_effects", "plot_districts", "plot_shrinkage_models", "plot_shrinkage_n"],
    "charts_models": ["plot_variance", "plot_school_sd", "plot_loo", "plot_methods", "plot_count_check"],
    "charts_ranks": ["plot_funnel", "plot_ranks", "plot_tenths", "plot_pairs"],
    "charts_diagnostics": ["plot_trace", "plot_rank_bars", "plot_convergence"],
    "charts_value_added": ["plot_slope", "plot_quality_effect", "plot_value_added", "plot_bins", "plot_bin_table", "plot_disagreement"],
    "charts_validation": ["plot_sbc", "plot_reliability", "plot_coverage", "plot_rates", "plot_scaling", "plot_peers"],
    "charts_agreement": ["plot_z"],
    "disclosure": ["DisclosurePolicy"],
    "reports": ["render_reports"],
    "chart_pages": ["enable_charts", "chart_block", "write_assets"],
    "charts": ["to_svg", "to_png", "wording", "Wording"],
})
