"The frozen fits are fixtures of every test of this folder."

from frozen_fits import (  # noqa: F401 (fixtures)
    achievement_fit,
    consistency_fit,
    eight_schools,
    small_fit,
    value_added_fit,
)
