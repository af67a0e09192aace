"Publishers' layouts: against the real files, and in small with every mark and total there is."

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schoolvar.core.errors import DataError
from schoolvar.data.counts import read_counts
from schoolvar.data.cells import REASONS, years_in
from schoolvar.data.pssa import count_from_percent
from tests.data.test_scores import error

COUNTS = ["school_id", "year", "grade", "subject", "n_trials", "y_success", "district_id"]
quick = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def accounted(counts):
    "Kept, withheld and dropped are what was read; each withheld cell has a reason that is known, and is not among the counts."
    s = counts.source
    assert s["rows_read"] == s["rows_kept"] + s["rows_withheld"] + s["rows_dropped"]
    assert (s["rows_kept"], s["rows_withheld"], s["rows_dropped"]) == (
        len(counts.frame),
        len(counts.withheld),
        counts.dropped["rows"].sum(),
    )
    assert s["withheld"] == counts.withheld["reason_text"].value_counts().to_dict()
    assert (
        set(counts.withheld["reason"]) <= set(REASONS)
        and counts.withheld["reason_text"].ne("").all()
    )
    key = ["school_id", "year", "grade", "subject"]
    assert not counts.withheld[key].merge(counts.frame[key]).size
    return counts


# -- the real files


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
    assert dict(zip(c.dropped["reason"], c.dropped["rows"])) == {
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


def test_pssa_workbook_gives_the_prepared_counts_exactly(shared_data):
    c = accounted(read_counts(shared_data / "pssa_school_2019.xlsx", format="pssa"))
    prepared = read_counts(shared_data / "pssa_counts.csv.gz", years=2019)
    pd.testing.assert_frame_equal(c.frame[COUNTS], prepared.frame[COUNTS])
    assert (
        len(c.withheld) == 170
        and set(c.withheld["reason"]) == {"too_few"}
        and (~c.frame["count_exact"]).sum() == 3
    )
    assert "exact in 17,070 of 17,073 cells" in c.summary()


def test_nyc_file_gives_the_prepared_counts_exactly(shared_data):
    c = accounted(read_counts(shared_data / "nyc_ela_2013_2016_publisher.csv.gz", format="nyc"))
    # charter schools are in a file of their own
    prepared = read_counts(
        shared_data / "nyc_counts.csv.gz", years=[2013, 2014, 2015, 2016], subjects="ELA"
    ).frame.query("district_id != 'NYC-84'")
    pd.testing.assert_frame_equal(
        c.frame[[*COUNTS, "school_name"]], prepared[[*COUNTS, "school_name"]].reset_index(drop=True)
    )
    assert len(c.withheld) == 41 and dict(zip(c.dropped["reason"], c.dropped["rows"])) == {
        "total of all grades": 4429
    }


def test_pennsylvania_window_of_the_studies(shared_data):
    c = read_counts(shared_data / "pssa_counts.csv.gz", grade=3, years=[2017, 2018, 2019])
    assert len(c.schools) == 1643 and len(c.frame) == 9563


def test_the_wrong_format_is_told(shared_data):
    for format in ("eqao", "pssa", "nyc"):
        assert "is a header with the columns" in str(
            error(read_counts, shared_data / "saeb.csv.gz", format=format)
        )
    assert "no format 'xls'; formats: tidy, eqao, pssa, nyc" in str(
        error(read_counts, shared_data / "saeb.csv.gz", format="xls")
    )


# -- EQAO in small

EQAO = ["OrgType", "Grade", "BoardMident", "BoardName", "SchoolMident", "SchoolName"] + [
    c.format(s=s, k=k)
    for s, k in (("Read", "R"), ("Write", "W"), ("Math", "M"))
    for c in ("cntStudents_{s}", "cntFullyParticipating_{s}", "cntOverall{k}_L34")
]


def eqao(*schools):
    "A file with totals above the schools; a school is its number and nine cells."
    total = [["P", 3, "", "", "", "", *[9] * 9], ["B", 3, 1, "Board", "", "", *[9] * 9]]
    return pd.DataFrame(
        total + [["S", 3, 1, "Board", i, f"School {i}", *cells] for i, cells in schools],
        columns=EQAO,
    )


GOOD = [40, 38, 20] * 3


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
        for k, c in zip(("Reading", "Writing", "Math"), cells)
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


# -- Pennsylvania in small


def pssa(
    path,
    rows,
    title="2019 PSSA Grades 3 through 8 - School Level Proficiency Results*",
    names=("District Name", "School Name", "Percent Advanced", "Percent Proficient"),
):
    header = [
        "AUN",
        "School Number",
        names[0],
        names[1],
        "Subject",
        "Group",
        "Grade",
        "Number Scored",
        names[2],
        names[3],
    ]
    grid = [[title, *[""] * 9], ["* fewer than 11", *[""] * 9], header, *rows]
    pd.DataFrame(grid).to_excel(path, header=False, index=False, engine="xlsxwriter")
    return path


def row(
    number="000007302",
    subject="Math",
    group="All Students",
    grade=3,
    n=140,
    advanced=7.9,
    proficient=52.9,
    aun=112011103,
):
    return [
        aun,
        number,
        "BERMUDIAN SPRINGS SD",
        f"SCHOOL {number}",
        subject,
        group,
        grade,
        n,
        advanced,
        proficient,
    ]


def test_pssa_groups_totals_and_small_groups(tmp_path):
    rows = [
        row(),
        row(subject="English Language Arts"),
        row(grade="Total"),
        row(group="Historically Underperforming"),
        row("19", n=9, advanced="", proficient=""),
        row("000000020"),
    ]
    c = accounted(read_counts(pssa(tmp_path / "x.xlsx", rows), format="pssa"))
    assert (
        c.schools == ["112011103-0020", "112011103-7302"]
        and c.years == [2019]
        and c.subjects == ["ELA", "Math"]
    )
    assert c.withheld["school_id"].tolist() == ["112011103-0019"] and set(c.frame["y_success"]) == {
        85
    }
    assert dict(zip(c.dropped["reason"], c.dropped["rows"])) == {
        "group of students other than all": 1,
        "total of all grades": 1,
    }


def test_pssa_names_of_other_years_and_the_year_of_the_file(tmp_path):
    rows = [row(subject="E", grade="School Total"), row(subject="E"), row("8", subject="E")]
    path = pssa(
        tmp_path / "2016.xlsx",
        rows,
        title="School level results",
        names=("District", "School", "% Advanced", "% Proficient"),
    )
    c = read_counts(path, format="pssa")
    assert (c.years, c.subjects, len(c.frame)) == ([2016], ["ELA"], 2)
    path = path.rename(tmp_path / "pssa.xlsx")
    assert "does not say its year" in str(error(read_counts, path, format="pssa"))
    assert read_counts(path, format="pssa", years=2017).years == [2017]


def test_pssa_faults(tmp_path):
    def fault(*rows):
        return error(read_counts, pssa(tmp_path / "x.xlsx", rows), format="pssa")

    e = fault(row(), row("8", advanced=120))
    assert (
        "a percentage outside 0 to 100 (row 5 has '120')" in str(e)
        and e.column == "Percent Advanced"
    )
    assert "a subject that PSSA does not test (row 5 has 'Alchemy')" in str(
        fault(row(), row("8", subject="Alchemy"))
    )
    assert fault(row(), row("8"), row("8")).rows == [5, 6]
    assert "text where a number belongs (row 5 has 'IS')" in str(fault(row(), row("8", n="IS")))


@quick
@given(st.integers(1, 1500), st.data())
def test_counts_from_percentages(n, data):
    "A count said to be exact is the count; below 1,000 students all are."
    k = data.draw(st.integers(0, n))
    count, exact = (v[()] for v in count_from_percent(n, round(100 * k / n, 1)))
    assert abs(count - k) <= 1
    if exact or n < 1000:
        assert count == k and (exact or n >= 1000)


# -- New York City in small


def nyc(
    path,
    rows,
    title="NYC Results on the New York State 2013-2016 ELA Test (Grades 3-8)",
    passed="PassNum",
):
    body = "\n".join(",".join(map(str, r)) for r in rows)
    path.write_text(
        f"New York City Department of Education,,,,\n{title},,,,\n,,,,\n,,,,Level 3+4\nDBN,Grade,Year,Category,Number Tested,{passed}\n{body}\n"
    )
    return path


def test_nyc_marks_totals_and_names_of_other_years(tmp_path):
    rows = [
        ["01M015", 3, 2013, "All Students", 27, 2],
        ["75X001", 3, 2013, "All Students", 4, "s"],
        ["84K001", 3, 2014, "All Students", 40, 30],
        ["01M015", "All Grades", 2013, "All Students", 27, 2],
        ["01M015", 3, 2013, "Female", 12, 1],
    ]
    for passed in ("PassNum", "Level 3+4 #"):
        c = accounted(read_counts(nyc(tmp_path / "x.csv", rows, passed=passed), format="nyc"))
        assert (
            c.frame["district_id"].tolist() == ["NYC-01", "NYC-84"]
            and c.subjects == ["ELA"]
            and c.withheld["school_id"].tolist() == ["75X001"]
        )
        assert c.withheld["reason_text"].tolist() == ["s: suppressed, 5 students or fewer"]


def test_nyc_subject(tmp_path):
    rows = [["01M015", 3, 2013, "All Students", 27, 2], ["02M015", 3, 2013, "All Students", 27, 2]]
    assert read_counts(nyc(tmp_path / "x.csv", rows, "Mathematics"), format="nyc").subjects == [
        "Math"
    ]
    assert read_counts(nyc(tmp_path / "math_test.csv", rows, ""), format="nyc").subjects == ["Math"]
    assert "does not say its subject" in str(
        error(read_counts, nyc(tmp_path / "y.csv", rows, ""), format="nyc")
    )
    assert read_counts(
        nyc(tmp_path / "y.csv", rows, ""), format="nyc", subjects="Math"
    ).subjects == ["Math"]


def test_nyc_faults(tmp_path):
    def fault(*rows):
        return error(
            read_counts,
            nyc(tmp_path / "x.csv", [["01M015", 3, 2013, "All Students", 27, 2], *rows]),
            format="nyc",
        )

    assert "something other than a DBN such as 01M015 (row 7 has 'Citywide')" in str(
        fault(["Citywide", 3, 2013, "All Students", 27, 2])
    )
    assert fault(["01M019", 3, 2013, "All Students", 27, 28]).rows == [7]
    assert "text where a number belongs (row 7 has '~')" in str(
        fault(["01M019", 3, 2013, "All Students", 27, "~"])
    )


def test_years_in_text():
    assert (
        years_in("2013-2016") == [2013, 2016]
        and years_in("2022-2023") == [2023]
        and years_in("2021–22 results") == [2022]
        and years_in("1999/00 and 20190101") == [2000]
    )


# -- fuzzing

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


def test_one_school_in_a_publishers_file(tmp_path):
    assert "only one school (112011103-7302)" in str(
        error(read_counts, pssa(tmp_path / "x.xlsx", [row()]), format="pssa")
    )
    assert "only one school (01M015)" in str(
        error(
            read_counts,
            nyc(tmp_path / "x.csv", [["01M015", 3, 2013, "All Students", 27, 2]]),
            format="nyc",
        )
    )
    eqao((10, GOOD)).to_csv(tmp_path / "eqao_2023.csv", index=False)
    assert "only one school (10)" in str(
        error(read_counts, tmp_path / "eqao_2023.csv", format="eqao")
    )
