"A province with two grades and its fit, made once."

import pytest

from schoolvar.data.counts import read_counts
from schoolvar.data.simulate import simulate_two_grades
from schoolvar.value_added.fit import fit_value_added


@pytest.fixture(scope="session")
def simulated():
    "100 schools; eight have the earlier grade only and four the later only."
    s = simulate_two_grades(100, students=(15, 40), subjects=("Math", "Reading"), seed=5)
    ids = list(s.truth.school)
    f = s.frame
    frame = f[
        ~(f.school_id.isin(ids[:8]) & (f.grade == 6))
        & ~(f.school_id.isin(ids[8:12]) & (f.grade == 3))
    ].reset_index(drop=True)
    frame["district"] = "District " + frame.school_id.str[-1]
    return frame, s


@pytest.fixture(scope="session")
def fit(simulated):
    return fit_value_added(read_counts(simulated[0]))


@pytest.fixture(scope="session")
def folder(fit, tmp_path_factory):
    out = tmp_path_factory.mktemp("fits") / "value_added"
    fit.save(out)
    return out
