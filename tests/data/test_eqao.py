"EQAO's school files."

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts
from tests.data.made_tables import EQAO, GOOD, accounted, eqao, error, quick


def test_eqao_real_rows(shared_data):
    c = accounted(read_counts(shared_data / "eqao_g3_2023_sample.csv", format="eqao"))
    f = c.frame.set_index(["school_id", "subject"])
    assert (
        f.loc[("94978", "Reading"), ["n_trials", "y_success"]].tolist() == [92, 84]
        and f.loc[("94978", "Writing"), "y_success"] == 76
        and f.loc[("94978", "Math"), "y_success"] == 77
    )
    assert (
        f.loc[("95753", "Math"), "participation"] == pytest.approx(36 / 41)
        and f.loc[("95753", "Math"), "school_name"] == "Preston PS"
    )
    assert (c.years, c.grades, c.subjects, len(f)) == (
        [2023],
        [3],
        ["Math", "Reading", "Writing"],
        16,
    )
    assert f.loc["97969"].index.tolist() == ["Math"], "the school with one subject"
    assert dict(zip(c.dropped["reason"], c.dropped["rows"], strict=True)) == {
        "total of the province": 3,
        "total of a board": 3,
    }
    marks = c.withheld.groupby("school_id")["mark"].agg(["first", "size"])
    assert (
        marks.loc["97055"].tolist() == ["N/R", 3]
        and marks.loc["999971"].tolist() == ["N/D", 3]
        and marks.loc["99082"].tolist() == ["S. R.", 3]
        and marks.loc["97969"].tolist() == ["N/D", 2]
    )
    assert (
        c.withheld.set_index("school_id").loc["99082", "school_name"].iloc[0]
        == "Centre Jules-Léger ÉP Surdité palier élémentaire"
    )
    assert (
        "Withheld by the publisher: too few students: 6 rows; no data: 5 rows." in c.summary()
        and "too few students" in c._repr_html_()
    )


def test_eqao_marks_zeros_and_participation(tmp_path):
    eqao(
        (10, GOOD),
        (11, [40, 38, 0, "N/R", "N/R", "N/R", 12, 0, 0]),
        (12, ["A/D"] * 3 + ["S. R."] * 3 + [20, 19, ""]),
    ).to_csv(tmp_path / "g3_2022-23.csv", index=False)
    c = accounted(read_counts(tmp_path / "g3_2022-23.csv", format="eqao"))
    assert c.years == [2023]
    f = c.frame.set_index(["school_id", "subject"])
    assert f.loc[("11", "Reading"), "y_success"] == 0, "no successes is a count, not a mark"
    w = c.withheld.set_index(["school_id", "subject"])["reason"].to_dict()
    assert w == {
        ("11", "Writing"): "too_few",
        ("11", "Math"): "none_assessed",
        ("12", "Reading"): "no_data",
        ("12", "Writing"): "too_few",
        ("12", "Math"): "no_data",
    }


def test_eqao_faults_name_the_row_in_the_file(tmp_path):
    path = tmp_path / "g3.csv"

    def fault(*schools, **change):
        eqao(*schools).assign(**change).to_csv(path, index=False)
        return error(read_counts, path, format="eqao", years=2023)

    e = fault((10, GOOD), (11, [40, 38, 20, 40, 38, 39, 40, 38, 20]))
    assert "more successes than students" in str(e) and e.rows == [5] and e.total == 1
    e = fault((10, GOOD), (11, GOOD), (10, GOOD))
    assert "the same school_id, year, grade, subject" in str(e) and e.rows == [4, 6]
    e = fault((10, GOOD), (11, [40, "<5", 20] + GOOD[3:]))
    assert (
        "text where a number belongs (row 5 has '<5')" in str(e)
        and e.column == "cntFullyParticipating"
    )
    e = fault((10, GOOD), OrgType=["P", "B", "X"])
    assert "OrgType other than P, B and S (row 4 has 'X')" in str(e)
    assert "no row holds a school's counts" in str(fault((10, ["N/R"] * 9)))
    assert "a share of students outside 0 to 1" in str(fault((10, GOOD), (11, [30, 38, 20] * 3)))
    eqao((10, GOOD)).drop(columns="BoardMident").to_csv(path, index=False)
    assert "no column 'BoardMident', which the EQAO layout has" in str(
        error(read_counts, path, format="eqao", years=2023)
    )


def test_eqao_years_and_encodings(tmp_path):
    path = tmp_path / "g3.csv"
    eqao((10, GOOD), (11, GOOD)).assign(SchoolName=["", "", "É", "É"]).to_csv(
        path, index=False, encoding="latin-1"
    )
    assert "encoding cp1252" in str(error(read_counts, path, format="eqao"))
    assert "does not say its year" in str(
        error(read_counts, path, format="eqao", encoding="cp1252")
    )
    assert read_counts(path, format="eqao", years=[2024], encoding="cp1252").years == [2024]
    paths = []
    for year in (2022, 2023):
        paths.append(tmp_path / f"eqao_{year}.csv")
        eqao((10, GOOD), (11, GOOD)).to_csv(paths[-1], index=False)
    assert read_counts(paths, format="eqao").years == [2022, 2023]


def test_eqao_with_one_subject_only(tmp_path):
    eqao((10, GOOD), (11, GOOD)).drop(
        columns=[
            c for c in EQAO if c.endswith(("_Read", "_Write")) or "OverallR" in c or "OverallW" in c
        ]
    ).to_csv(tmp_path / "math_2023.csv", index=False)
    assert read_counts(tmp_path / "math_2023.csv", format="eqao").subjects == ["Math"]


marks = st.sampled_from(["N/R", "N/D", "S. R.", "A/D", ""])


@quick
@given(
    st.lists(
        st.lists(
            st.one_of(
                marks,
                st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60)).map(sorted),
            ),
            min_size=3,
            max_size=3,
        ),
        min_size=2,
        max_size=8,
    )
)
def test_eqao_any_mixture_of_cells_is_accounted_for(tmp_path, schools):
    rows = [
        (
            100 + i,
            [
                c
                for cell in cells
                for c in ([cell] * 3 if isinstance(cell, str) else [cell[2], cell[1], cell[0]])
            ],
        )
        for i, cells in enumerate(schools)
    ]
    eqao(*rows).to_csv(tmp_path / "eqao_2023.csv", index=False)
    numbers = {
        (str(100 + i), k): c
        for i, cells in enumerate(schools)
        for k, c in zip(("Reading", "Writing", "Math"), cells, strict=True)
        if not isinstance(c, str) and c[1] > 0
    }
    if len({s for s, _ in numbers}) < 2:
        error(read_counts, tmp_path / "eqao_2023.csv", format="eqao")
        return
    c = accounted(read_counts(tmp_path / "eqao_2023.csv", format="eqao"))
    assert {(r.school_id, r.subject): [r.y_success, r.n_trials] for r in c.frame.itertuples()} == {
        k: v[:2] for k, v in numbers.items()
    }
    assert len(c.frame) + len(c.withheld) == 3 * len(schools)


SMALL = eqao((10, GOOD), (11, GOOD)).to_csv(index=False).encode()


@settings(quick, max_examples=80)
@given(st.integers(0, len(SMALL) - 1), st.binary(min_size=0, max_size=5), st.integers(0, 30))
def test_damaged_publisher_files_end_in_counts_or_in_one_line(tmp_path, at, junk, cut):
    (tmp_path / "eqao_2023.csv").write_bytes(SMALL[:at] + junk + SMALL[at + cut :])
    for format in ("eqao", "pssa", "nyc", "tidy"):
        try:
            accounted(read_counts(tmp_path / "eqao_2023.csv", format=format))
        except DataError as e:
            assert "\n" not in str(e)
