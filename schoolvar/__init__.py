"""Which schools are unusually consistent, what schools add, and how sure we can be."""
__version__ = "0.1.0"
import lazy_loader as _lazy

# Names load on first use: `schoolvar --help` must not wait for pandas, ArviZ and Altair.
__getattr__, __dir__, __all__ = _lazy.attach(__name__, submod_attrs={
    "data": ["read_scores", "read_counts", "Scores", "Counts", "DataError"],
    "simulate": ["simulate_province"],
    "fit": ["Fit"],
})
