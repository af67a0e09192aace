"Report and library draw the same funnel for the same data."

import io

import numpy as np
import pandas as pd
import pytest

from schoolvar.charts.ranks import plot_funnel
from schoolvar.core.ranks import funnel_curves, funnel_points
from schoolvar.report import figures
from schoolvar.report.disclosure import DisclosurePolicy
from schoolvar.report.example import example_fits
from schoolvar.report.labels import Labels
from schoolvar.report.publication import publish


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return publish(example_fits(tmp_path_factory.mktemp("fits")), DisclosurePolicy.named("us"))


@pytest.fixture(params=["the fit's spread", "a tenth of it"])
def province(published, request, monkeypatch):
    "With little spread many schools stand outside; with the fit's own, hardly any."
    if request.param != "the fit's spread":
        small = published.facts["funnel"]["sd_school"] / 10
        monkeypatch.setitem(published.facts["funnel"], "sd_school", small)
    return published


@pytest.fixture
def points(province):
    "The published schools as the library has them, with the fit's own centre and spread."
    schools = province.tables["achievement"].query("state == ''")[["name", "n_trials", "raw"]]
    facts = province.facts
    return funnel_points(
        schools.rename(columns={"name": "school"}).astype({"n_trials": float, "raw": float}),
        centre=facts["typical"],
        spread=facts["funnel"]["sd_school"],
    )


def lines_of_the_library(points) -> pd.DataFrame:
    "The curves that allow for ordinary differences, read from the chart's own specification."
    spec = plot_funnel(points, funnel_curves(points)).to_dict()
    found = []
    for name, rows in spec["datasets"].items():
        frame = pd.DataFrame(rows) if isinstance(rows, list) else pd.read_csv(io.StringIO(rows))
        if "side" in frame:
            found.append(frame.assign(layer=name))
    return pd.concat(found, ignore_index=True)


def test_the_lines_are_the_same(province, points):
    report = pd.read_csv(io.StringIO(figures.shared_data(province)["sv-limits"]))
    curves = funnel_curves(points).query("kind == 'overdispersed'")
    inside = report[report["n_trials"].between(curves["n_trials"].min(), curves["n_trials"].max())]
    assert len(inside) > 20
    for name, level in (("95", 0.95), ("998", 0.998)):
        curve = curves[curves["level"] == level]
        for side, column in (("lower", f"low{name}"), ("upper", f"high{name}")):
            drawn = np.interp(np.log(inside["n_trials"]), np.log(curve["n_trials"]), curve[side])
            np.testing.assert_allclose(drawn, inside[column], atol=0.003)


def test_the_library_draws_its_curves(points):
    drawn, curves = lines_of_the_library(points), funnel_curves(points)
    ends = curves.melt("n_trials", ["lower", "upper"], value_name="raw")
    for row in drawn.sample(50, random_state=1).itertuples():
        near = ends[np.isclose(ends["n_trials"], row.n_trials, rtol=0.01)]
        assert np.abs(near["raw"] - row.raw).min() < 0.001


def test_the_same_schools_stand_outside(province, points, request):
    outside = set()
    for key in province.districts.key:
        chart = figures.plot_funnel(province.district(key), Labels("en"))
        if chart is not None:
            rows = pd.read_csv(io.StringIO(rows_of(chart)))
            outside |= set(rows["name"][rows["where"] == Labels("en")("chart.outside")])
    assert outside == set(points["school"][points["outside"] == "99.8 %"])
    assert len(outside) > 10 or "fit's spread" in request.node.name


def rows_of(chart) -> str:
    "The rows that a report's chart brings, as comma-separated text."

    def walk(node):
        if isinstance(node, dict):
            if isinstance(node.get("values"), str) and "where" in node["values"].split("\n")[0]:
                yield node["values"]
            for child in node.values():
                yield from walk(child)
        elif isinstance(node, list):
            for child in node:
                yield from walk(child)

    return next(walk(chart.to_dict(validate=False)))
