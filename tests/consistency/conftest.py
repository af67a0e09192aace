"The frozen fits are fixtures of every test of this folder."

from frozen_fits import consistency_fit, eight_schools  # noqa: F401 (fixtures)
