"Two grades of the same schools, and those that cannot be used."

import pytest

from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts
from schoolvar.value_added.fit import fit_value_added
from schoolvar.value_added.grades import prepare_two_grades


def test_no_common_schools(simulated):
    f = simulated[0]
    first = f.school_id < "SIM-0050"
    with pytest.raises(
        DataError,
        match=r"no school has eligible results in both grade 3 and grade 6 "
        r"\(.* with grade 3 only, .* with grade 6 only\)",
    ):
        fit_value_added(read_counts(f[first == (f.grade == 3)]))


def test_every_school_in_one_year_only(simulated):
    f = simulated[0]
    odd = f.school_id.str[-1].astype(int) % 2
    with pytest.raises(DataError, match="no school has grade 3 .* in two years"):
        prepare_two_grades(read_counts(f[(f.grade == 6) | (f.year == 2022 + odd)]))


def test_a_school_in_two_districts(simulated):
    f = simulated[0].assign(district_id="01")
    f.loc[(f.school_id == "SIM-0020") & (f.subject == "Math"), "district_id"] = "02"
    with pytest.raises(DataError, match="SIM-0020 is in 2 districts"):
        fit_value_added(f.drop(columns="district"))


def test_a_school_that_moved_is_shown_where_it_is_now(simulated):
    f = simulated[0].assign(district="Old")
    f.loc[f.year == 2024, "district"] = "New"
    two = prepare_two_grades(f)
    assert any("changed district" in n for n in two.notes)


def test_nobody_is_eligible(simulated):
    with pytest.raises(DataError, match="no school is eligible in grade 3"):
        prepare_two_grades(simulated[0].assign(participation=0.3))
