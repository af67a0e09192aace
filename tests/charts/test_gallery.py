"Every chart of the room: shown, with words, small, and nothing in it that is not drawn."

import json
import re

import pytest
from chart_tables import OURS, SECRET, achievement_schools, consistency_schools

from schoolvar import charts
from schoolvar.charts.data import chart_title
from schoolvar.charts.theme import DARK


def tables(node, sets):
    "Every embedded table of a specification, and the part of the specification that draws it."
    if isinstance(node, dict):
        data = node.get("data")
        if isinstance(data, dict):
            yield data.get("values", sets.get(data.get("name"), "")), node
        for k, v in node.items():
            if k not in ("data", "datasets", "usermeta"):
                yield from tables(v, sets)
    elif isinstance(node, list):
        for v in node:
            yield from tables(v, sets)


def plot_functions():
    return [name for name in dir(charts) if name.startswith("plot_")]


def test_every_chart_is_at_the_face_of_the_package(chart_notebooks):
    "What a notebook of the room defines is a name of `schoolvar.charts`, and the other way round."
    text = "".join(n.read_text(encoding="utf-8") for n in chart_notebooks)
    assert sorted(set(re.findall(r'"def (plot_\w+)\(', text))) == plot_functions()
    assert len(plot_functions()) >= 40


def test_every_function_is_shown(chart_notebooks, gallery):
    "No plot_* without an example, and none without words on what to see in it."
    text = "".join(n.read_text(encoding="utf-8") for n in chart_notebooks)
    assert [n for n in plot_functions() if not re.search(rf'[" ]{n}\((?!\\n)', text)] == []
    silent = [n for n in plot_functions() if "What to see:" not in getattr(charts, n).__doc__]
    assert silent == []
    assert len(gallery) >= 45


def test_nothing_is_embedded_that_is_not_drawn(gallery):
    "A column of a table is a field of an encoding, part of an expression, or of the data table."
    for name, i, spec in gallery:
        sets, heads = spec.get("datasets", {}), spec["usermeta"]["schoolvar"]["table"]
        for text, node in tables(spec, sets):
            assert isinstance(text, str), f"{name} {i}: records instead of text"
            drawn = json.dumps({k: v for k, v in node.items() if k not in ("data", "datasets")})
            for column in text.split("\n", 1)[0].split(","):
                c = re.escape(column)
                used = rf'"(field|shorthand)": "{c}"|datum\.{c}\b|datum\[\W*{c}\W'
                assert re.search(used, drawn) or column in heads, (
                    f"{name} {i}: {column} is embedded but not drawn"
                )


def test_titles_alt_and_width(gallery):
    "A sentence as title, a text alternative that says more, and a width that follows the page."
    for name, i, spec in gallery:
        title, meta = chart_title(spec), spec["usermeta"]["schoolvar"]
        assert re.search(r"\d", title) or title.startswith(("None", "The methods")), (
            f"{name} {i}: no finding in {title!r}"
        )
        assert "nan" not in title.lower().split() and "–" not in title, f"{name} {i}: {title!r}"
        alt_text = meta["alt"].replace("\u00a0", " ")
        assert alt_text.startswith(title) and len(alt_text) > len(title) + 10
        assert spec.get("width") == "container" or meta.get("panel"), f"{name} {i}"
        assert spec["config"]["aria"] is False
        assert len(json.dumps(spec)) < 60_000, f"{name} {i}: {len(json.dumps(spec))} bytes"


def test_text_under_the_pointer_is_not_formatted_as_a_number(gallery):
    "A column of text in a tooltip that takes it for a number is shown as NaN."
    for name, i, spec in gallery:
        datas = [node["data"] for _, node in tables(spec, spec.get("datasets", {}))]
        numbers = {c for data in datas for c in (data.get("format") or {}).get("parse") or ()}
        tips = re.findall(r'"tooltip": (\[.*?\])', json.dumps(spec))
        taken = {t["field"] for tip in tips for t in json.loads(tip) if t["type"] == "quantitative"}
        assert taken <= numbers, f"{name} {i}: {taken - numbers}"


def test_colours_have_dark_partners(gallery):
    "A colour without a partner stays as it is in a dark page, and may vanish."
    for name, i, spec in gallery:
        drawn = json.dumps({k: v for k, v in spec.items() if k != "datasets"})
        used = set(re.findall(r'"(#[0-9A-Fa-f]{6})"', drawn))
        assert used <= set(DARK), f"{name} {i}: {used - set(DARK)}"


@pytest.mark.parametrize(
    "draw, schools",
    [
        (charts.plot_pip, consistency_schools),
        (charts.plot_pip_sd, consistency_schools),
        (charts.plot_pip_mean, consistency_schools),
        (charts.plot_shrinkage, achievement_schools),
        (charts.plot_shrinkage_n, achievement_schools),
        (charts.plot_caterpillar, achievement_schools),
        (charts.plot_effects, achievement_schools),
        (charts.plot_ranks, achievement_schools),
    ],
    ids=lambda f: f.__name__,
)
def test_other_schools_stay_nameless(draw, schools):
    "Ids, names and sizes of others appear nowhere: data, tooltips, words, table."
    chart = draw(schools(), focus=OURS)
    page = charts.chart_block(chart, table="full") + json.dumps(chart.to_dict())
    assert "ours1" in page
    for hidden in (SECRET, "HIDDENNAME", "HIDDENDISTRICT", "HIDDENCOLUMN"):
        assert hidden not in page
    assert not re.search(r"\b7777\d\b", page)  # the sizes of the others


@pytest.mark.parametrize("count", [3000, 50_000])
def test_thousands_stay_small(count):
    "3,000 and 50,000 schools: a chart stays under 120 kB."
    for chart in (
        charts.plot_pip(consistency_schools(count), focus=OURS),
        charts.plot_caterpillar(achievement_schools(count)),
        charts.plot_shrinkage(achievement_schools(count), focus=OURS),
        charts.plot_caterpillar(achievement_schools(count), by="n"),
    ):
        assert len(json.dumps(chart.to_dict(validate=False))) < 120_000


def test_a_missing_column_is_named_in_one_line():
    "Whatever the chart: the column, and those that are there."
    for draw in (charts.plot_pip, charts.plot_funnel, charts.plot_variance, charts.plot_trace):
        table = achievement_schools()[["school"]]
        arguments = [table, table] if draw is charts.plot_funnel else [table]
        with pytest.raises(KeyError, match=r"the chart needs the column.*; the table has school"):
            draw(*arguments)
