"""Charts: each takes a tidy table and returns an Altair chart that shows itself in a notebook.

`plot_pip(fit.schools)` draws; `to_svg` and `to_png` make pictures of charts, `wording` gives them
another language, `chart_block` and `write_assets` put them into pages.
"""

# Written by hand. Names load on first use: who draws one chart does not wait for all.
import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "words": ["Wording", "wording"],
        "export": ["to_svg", "to_png"],
        "assets": ["write_assets"],
        "html": ["chart_block"],
        "notebook": ["enable_charts"],
        "geometry": ["ridges"],
        "consistency": ["plot_pip", "plot_pip_sd", "plot_pip_mean"],
        "posteriors": ["plot_scale_effects", "plot_school_sds"],
        "flags": ["plot_prior_sensitivity", "plot_power", "plot_fdr", "plot_sd_check"],
        "shrinkage": ["plot_shrinkage", "plot_shrinkage_models", "plot_shrinkage_n"],
        "achievement": ["plot_caterpillar"],
        "effects": ["plot_effects", "plot_districts"],
        "models": [
            "plot_variance",
            "plot_school_sd",
            "plot_loo",
            "plot_methods",
            "plot_count_check",
        ],
        "ranks": ["plot_funnel", "plot_ranks", "plot_tenths", "plot_pairs"],
        "diagnostics": ["long_draws", "plot_trace", "plot_rank_bars", "plot_convergence"],
        "value_added": ["plot_slope", "plot_quality_effect", "plot_value_added"],
        "bins": ["plot_bins", "plot_bin_table", "plot_disagreement"],
        "calibration": ["plot_sbc", "plot_reliability", "plot_coverage", "plot_z"],
        "limits": ["plot_rates", "plot_scaling", "plot_peers"],
    },
)
