"What readers of publishers' layouts share."

from schoolvar.data.cells import years_in


def test_years_in_text():
    assert (
        years_in("2013-2016") == [2013, 2016]
        and years_in("2022-2023") == [2023]
        and years_in("2021–22 results") == [2022]
        and years_in("1999/00 and 20190101") == [2000]
    )
