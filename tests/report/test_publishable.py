"Fits under a policy are made of nothing that it withholds, in either grade."

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

import schoolvar as sv
from schoolvar.report.disclosure import DisclosurePolicy
from schoolvar.report.publishable import publishable


@pytest.fixture(scope="module")
def counts():
    "Counts of two grades, with groups smaller than any policy shows."
    return sv.read_counts(sv.simulate_province().counts)


@pytest.mark.parametrize("name", ["us", "eqao"])
def test_small_groups_of_both_grades_are_taken_out(counts, name):
    policy = DisclosurePolicy.named(name)
    assert counts.frame.groupby("grade").n_trials.min().max() < policy.min_n
    kept = publishable(counts, None, policy, 3, 6).counts.frame
    assert sorted(kept.grade.unique()) == [3, 6]
    assert kept.groupby("grade").n_trials.min().min() >= policy.min_n


def test_what_is_withheld_of_the_later_grade_makes_no_difference(counts):
    "Value added is the same whatever the withheld counts are: a report of that grade may be out."
    policy = DisclosurePolicy.named("us")
    first = publishable(counts, None, policy, 3, 6)
    shown = set(first.counts.frame.set_index(["school_id", "grade", "year", "subject"]).index)
    frame = counts.frame.copy()
    keys = frame.set_index(["school_id", "grade", "year", "subject"]).index
    gone = (frame.grade == 6).to_numpy() & np.array([key not in shown for key in keys])
    changed = moved_round(frame, frame[gone & (frame.n_trials < policy.min_n)])
    assert (changed.y_success != frame.y_success).sum() == 4
    second = publishable(replace(counts, frame=changed), None, policy, 3, 6)
    assert second.counts.frame.equals(first.counts.frame)


def moved_round(frame, small):
    """The counts with a success more and one less in two schools and two cells each.

    The sums of all schools, years and subjects stay what they are."""
    cell = small.groupby(["district_id", "year", "subject"])
    for _, group in cell:
        for a, b in combinations(group.school_id, 2):
            both = small[small.school_id.isin([a, b])]
            table = both.set_index(["year", "subject", "school_id"])[["n_trials", "y_success"]]
            wide = table.unstack("school_id").dropna()
            for one, two in combinations(wide.index, 2):
                places = [(one, a, 1), (one, b, -1), (two, a, -1), (two, b, 1)]
                new = {p[:2]: wide.loc[p[0], ("y_success", p[1])] + p[2] for p in places}
                most = {p[:2]: wide.loc[p[0], ("n_trials", p[1])] for p in places}
                if all(0 < new[p] < most[p] for p in new):
                    return _with(frame, new)
    raise AssertionError("no four cells whose sums can stay")


def _with(frame, new):
    frame = frame.copy()
    for ((year, subject), school), value in new.items():
        at = (frame.school_id == school) & (frame.year == year) & (frame.subject == subject)
        frame.loc[at & (frame.grade == 6), "y_success"] = int(value)
    return frame


def test_a_school_without_a_later_cell_is_said_to_be_withheld(counts):
    "It is listed, so that its value added is shown as withheld and not left out without a word."
    frame = counts.frame.copy()
    school = frame.school_id[(frame.grade == 6) & (frame.n_trials > 40)].iloc[0]
    mine = (frame.school_id == school) & (frame.grade == 6)
    frame.loc[mine, ["n_trials", "y_success"]] = [4, 2]
    found = publishable(replace(counts, frame=frame), None, DisclosurePolicy.named("us"), 3, 6)
    assert school in set(found.schools["value_added"].school)
    later = found.counts.frame[lambda f: f.grade == 6]
    assert school not in set(later.school_id)


def test_nothing_to_publish_of_the_later_grade_is_one_line(counts):
    frame = counts.frame.copy()
    frame.loc[frame.grade == 6, ["n_trials", "y_success"]] = [4, 2]
    with pytest.raises(ValueError, match="fewer than two schools may be shown"):
        publishable(replace(counts, frame=frame), None, DisclosurePolicy.named("us"), 3, 6)
