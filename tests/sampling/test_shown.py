"""Objects in a notebook: what they say, that it is inert, small, and readable in light and dark."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from schoolvar.achievement.compare import Comparison
from schoolvar.core.display import card, intervals_picture, points_picture, small_table
from schoolvar.data.counts import read_counts
from schoolvar.data.scores import read_scores
from schoolvar.report.disclosure import DisclosurePolicy
from schoolvar.sampling.diagnostics import Diagnostics
from schoolvar.sampling.loo import compare_table, psis_loo

EVIL = "<script>alert(1)</script>"
VOID = {"br", "hr", "img", "path"}


class Tags(HTMLParser):
    "Opens and closes every element once, and collects what is in it."

    def __init__(self, html):
        super().__init__()
        self.open, self.seen, self.attributes = [], set(), []
        self.feed(html)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        self.attributes += attributes
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.add(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def inert_and_small(html):
    "What every card must be."
    tags = Tags(html)
    assert not tags.seen & {"script", "style", "iframe", "img", "link"}
    names = {name for name, _ in tags.attributes}
    assert not any(name.startswith("on") for name in names) and "id" not in names
    colours = re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgb|\bblack\b|\bwhite\b", html)
    assert not colours, "a fixed colour cannot be read in one of the themes"
    assert len(html.encode()) <= 10_000
    if "svg" in tags.seen:
        assert html.count('role="img"') == html.count("<title>") == html.count("<svg")
    return html


def some_counts():
    rows = [(EVIL, y, 3, k, 40, 20) for y in (2023, 2024) for k in ("math", "reading")]
    rows += [("b", y, 3, k, 30, 11) for y in (2023, 2024) for k in ("math", "reading")]
    names = ["school_id", "year", "grade", "subject", "n_trials", "y_success"]
    return read_counts(pd.DataFrame(rows, columns=names))


def test_counts_show_sizes_and_states_and_no_cell():
    counts = some_counts()
    secret = dict(school_id="hidden-school", year=2024, grade=3, subject="math")
    secret |= dict(reason="small", reason_text="too few students", mark="*")
    counts.withheld = pd.DataFrame([secret])
    html = inert_and_small(counts._repr_html_())
    assert "8 rows" in html and "2 schools" in html and "rows withheld" in html
    assert (
        "hidden-school" not in html and "alert" not in html and "hidden-school" not in repr(counts)
    )


def test_scores_show_schools_in_quarters():
    rng = np.random.default_rng(1)
    school = np.repeat([EVIL, *"bcdefgh"], 20)
    frame = pd.DataFrame(dict(school_id=school, score=rng.normal(500, 80, len(school))))
    html = inert_and_small(read_scores(frame, score="score")._repr_html_())
    assert "160 students of 8 schools" in html and "units of the score" in html
    assert "a quarter below" in html and "alert" not in html


@pytest.mark.parametrize("policy", DisclosurePolicy.all(), ids=lambda p: p.name)
def test_a_policy_says_what_it_promises(policy):
    html = inert_and_small(policy._repr_html_())
    wanted = f"fewer than {policy.min_n} students" if policy.min_n else "not for publication"
    assert wanted in html and policy.name in html and policy.name in repr(policy)
    assert "<script" not in inert_and_small(DisclosurePolicy(EVIL, 10)._repr_html_())


def test_diagnostics_show_the_worst_first_and_their_verdict():
    columns = ["parameter", "mean", "q2.5", "q97.5", "ess_bulk", "ess_tail", "r_hat", "mcse_mean"]
    rows = [("fine", 1, 0, 2, 900, 900, 1.001, 0.01), (EVIL, 1, 0.2, 2.5, 90, np.nan, 1.2, 0.1)]
    table = pd.DataFrame(rows, columns=columns)
    bad = Diagnostics(False, "Not to be relied on.", [EVIL], table, dict(draws=4000))
    html = inert_and_small(bad._repr_html_())
    assert "Does not pass." in html and "4,000 draws" in html and "0.2 to 2.5" in html
    assert html.index("&lt;script", html.index("<table")) < html.index("fine")
    assert "does NOT pass" in repr(bad) and len(repr(bad)) < 300


def test_loo_tables_say_how_sure_they_are():
    rng = np.random.default_rng(2)
    log_lik = rng.normal(-1, 0.2, (400, 30))
    log_lik[0, 3] = -40
    one = psis_loo(log_lik)
    one.insert(0, "school_id", [EVIL, *map(str, range(29))])
    bad = int((one.pareto_k > 0.7).sum())
    html = inert_and_small(one._repr_html_())
    assert bad and f"{bad} of 30 Pareto k above 0.7" in html and "standard error" in html
    two = compare_table({EVIL: one, "other": one.assign(elpd=one.elpd - 1)})
    html = inert_and_small(two._repr_html_())
    assert "predicts better than other" in html and "(nats)" in html
    assert type(two[["model"]]) is pd.DataFrame and type(one.head()) is pd.DataFrame
    both = Comparison(two, two)
    assert "a new result of a known school" in inert_and_small(both._repr_html_())
    assert "a new result of a known school" in repr(both)


def test_a_fit_says_what_whether_and_how_sure(small_fit):
    small_fit.parameters.loc[0, "parameter"] = EVIL
    html = inert_and_small(small_fit._repr_html_())
    assert "8 schools" in html and "95 % interval" in html and "R-hat" in html


def test_a_card_stays_small_whatever_it_is_given():
    many = pd.DataFrame({f"c{i}": ["x" * 500] * 1000 for i in range(6)})
    rng = np.random.default_rng(3)
    v = rng.normal(size=5000)
    inert_and_small(card("t" * 5000, ["s"] * 500, ok=True, verdict="v" * 5000))
    assert len(small_table(many)) < 8000
    assert len(intervals_picture(v, v - 1, v + 1, EVIL)) < 7000
    assert inert_and_small(card("x", figures=points_picture(v, EVIL, 0.5)))
