"Coordinates of the sampler."

import numpy as np

from schoolvar.data.counts import read_counts
from schoolvar.value_added.grades import prepare_two_grades
from schoolvar.value_added.whitening import PRIORS, grade_of, joint_data


def test_coordinates_have_unit_scale(fit, simulated):
    "The sampler meets standard deviations near one: that is what makes it quick."
    two = prepare_two_grades(read_counts(simulated[0]))
    data = joint_data(grade_of(two.earlier, two.schools), grade_of(two.later, two.both), PRIORS)
    slope = fit.idata.posterior.slope.values
    assert 0.5 < slope.std() / data["slope_by"] < 2
    assert abs(slope.mean() - data["slope_at"]) / data["slope_by"] < 4
    for i, name in enumerate(
        ("sd_school", "sd_value_added", "sd_cohort_earlier", "sd_cohort_later")
    ):
        t = np.arcsinh(fit.idata.posterior[name].values / data["sd_unit"][i])
        assert 0.4 < t.std() / data["sd_by"][i] < 2.5, name
