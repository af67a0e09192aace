"What the tests of charts share: every chart that the room's notebooks show."

import ast
import json
from pathlib import Path

import altair as alt
import numpy as np
import pytest

ROOM = Path(__file__).resolve().parent.parent.parent / "nbs" / "charts"


def draws(notebook):
    "Whether a notebook defines charts."
    return '"def plot_' in notebook.read_text(encoding="utf-8")


def shown_in(notebook):
    "The charts that a notebook's cells end with."
    space, found = {"__name__": "notebook"}, []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or "nbdev_export()" in source or "default_exp" in source:
            continue
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, notebook.name, "exec"), space)
        if last is None:
            continue
        value = eval(compile(ast.Expression(last.value), notebook.name, "eval"), space)
        if isinstance(value, alt.TopLevelMixin):
            found.append(value)
    return found


@pytest.fixture(scope="session")
def chart_notebooks():
    "The notebooks that define charts."
    return [notebook for notebook in sorted(ROOM.glob("*.ipynb")) if draws(notebook)]


@pytest.fixture(scope="session")
def gallery(chart_notebooks):
    "Every chart that the notebooks show: notebook, place, specification."
    with alt.renderers.enable(alt.renderers.active):
        return [
            (notebook.stem, place, chart.to_dict())
            for notebook in chart_notebooks
            for place, chart in enumerate(shown_in(notebook))
        ]


@pytest.fixture
def rng_draws():
    "Draws of two parameters, four chains each."
    return {
        name: np.random.default_rng(seed).normal(size=(4, 100)) for seed, name in enumerate("ab")
    }
