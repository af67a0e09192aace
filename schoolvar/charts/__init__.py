import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "style": ["to_svg", "to_png", "wording", "Wording"],
        "html": ["enable_charts", "chart_block", "write_assets"],
        "consistency": [
            "plot_pip",
            "plot_pip_sd",
            "plot_pip_mean",
            "plot_scale_effects",
            "plot_school_sds",
            "plot_prior_sensitivity",
            "plot_power",
            "plot_fdr",
            "plot_sd_check",
        ],
        "achievement": [
            "plot_shrinkage",
            "plot_caterpillar",
            "plot_effects",
            "plot_districts",
            "plot_shrinkage_models",
            "plot_shrinkage_n",
        ],
        "models": [
            "plot_variance",
            "plot_school_sd",
            "plot_loo",
            "plot_methods",
            "plot_count_check",
        ],
        "ranks": ["plot_funnel", "plot_ranks", "plot_tenths", "plot_pairs"],
        "diagnostics": ["plot_trace", "plot_rank_bars", "plot_convergence"],
        "value_added": [
            "plot_slope",
            "plot_quality_effect",
            "plot_value_added",
            "plot_bins",
            "plot_bin_table",
            "plot_disagreement",
        ],
        "calibration": [
            "plot_sbc",
            "plot_reliability",
            "plot_coverage",
            "plot_rates",
            "plot_scaling",
            "plot_peers",
            "plot_z",
        ],
    },
)
