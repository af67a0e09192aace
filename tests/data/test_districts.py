"One district a school."

import numpy as np

from schoolvar.data.counts import read_counts
from tests.data.made_tables import error, good_counts


def test_districts():
    frame = good_counts().assign(
        district_id=lambda d: np.where(d["school_id"] < "002", "N", "S"), district="x"
    )
    assert read_counts(frame).frame.groupby("district_id")["school_id"].nunique().to_dict() == {
        "N": 2,
        "S": 2,
    }
    moved = frame.assign(
        district_id=frame["district_id"].where(
            ~((frame["school_id"] == "000") & (frame["year"] == 2022)), "S"
        )
    )
    counts = read_counts(moved)
    assert (
        set(counts.frame.loc[counts.frame["school_id"] == "000", "district_id"]) == {"S"}
        and "1 school changed district" in counts.notes[0]
        and counts.notes[0] in counts.summary()
    )
    torn = frame.assign(district_id=frame["district_id"].where(frame["subject"] == "Math", "W"))
    e = error(read_counts, torn)
    assert (
        "school 000 is in 2 districts in 2021: N, W; so are 3 other schools" in str(e)
        and e.column == "district_id"
    )
    only_name = read_counts(good_counts().assign(district="North"))
    assert set(only_name.frame["district_id"]) == {"North"}
