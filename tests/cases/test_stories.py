"Studies are for reading: short cells, question and answer first, words that hold of the figures."

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted((ROOT / "nbs" / "studies").glob("*.ipynb"))
EXPLANATIONS = sorted((ROOT / "nbs" / "explanations").glob("*.ipynb"))
READ = [*STUDIES, *EXPLANATIONS, ROOT / "nbs" / "start.ipynb"]


def cells(path, kind):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(c["source"]) for c in found if c["cell_type"] == kind]


def code_lines(source):
    "Lines of code as a reader counts them: without directives and blank lines."
    return [line for line in source.splitlines() if line.strip() and not line.startswith("#|")]


def stem(path):
    return path.stem


# ---------------------------------------------------------------- form


@pytest.mark.parametrize("path", READ, ids=stem)
def test_a_code_cell_is_twelve_lines_of_88_columns_at_most(path):
    code = cells(path, "code")
    assert [c for c in code if len(code_lines(c)) > 12] == []
    assert [line for c in code for line in c.splitlines() if len(line) > 88] == []


@pytest.mark.parametrize("path", STUDIES, ids=stem)
def test_there_are_more_words_than_code(path):
    words = sum(len(re.findall(r"\w+", c)) for c in cells(path, "markdown"))
    lines = sum(len(code_lines(c)) for c in cells(path, "code"))
    assert words >= 2 * lines


@pytest.mark.parametrize("path", STUDIES, ids=stem)
def test_a_study_defines_checks_and_hides_nothing(path):
    code = cells(path, "code")
    assert [c for c in code if "include: false" in c or "#| hide" in c] == []
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.Assert)
    assert [c for c in code for node in ast.walk(ast.parse(c)) if isinstance(node, kinds)] == []


@pytest.mark.parametrize("path", STUDIES, ids=stem)
def test_question_answer_and_figure_are_in_the_first_screen(path):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"][:4]
    opening = "".join(found[0]["source"])
    assert re.match(r"# [^\n]+\n\n> [^\n]*\?[^\n]*\n\n\*\*Answer\.\*\* ", opening)
    assert [c["cell_type"] for c in found] == ["markdown", "code", "code", "code"]
    assert sum(len(code_lines("".join(c["source"]))) for c in found[1:]) <= 16
    assert re.search(r"\bplot\w*\(", "".join(found[3]["source"])), "the fourth cell is a figure"


@pytest.mark.parametrize("path", STUDIES, ids=stem)
def test_a_study_ends_with_what_to_try_and_how_to_run_it(path):
    text = "\n\n".join(cells(path, "markdown"))
    tries, rerun = text.split("## Try this\n")[1].split("\n## ", 1)
    assert len(re.findall(r"^- \*\*", tries, re.M)) in (2, 3)
    assert rerun.startswith("Run it ") and f"papermill nbs/studies/{path.name}" in rerun


@pytest.mark.parametrize("path", STUDIES, ids=stem)
def test_studies_use_the_face(path):
    code = "\n".join(cells(path, "code"))
    assert "import schoolvar as sv" in code and "sv.study(" in code
    deep = set(re.findall(r"^from (schoolvar[\w.]+)", code, re.M))
    assert deep <= {"schoolvar.core.ranks"}


# ---------------------------------------------------------------- what the words say


def text_of(name):
    (path,) = (p for p in STUDIES if p.stem.endswith(name))
    return "\n".join(cells(path, "markdown"))


def test_saeb_says_what_was_found():
    from schoolvar.cases.study import study

    saeb, text = study("saeb"), text_of("saeb")
    assert len(saeb.flagged) == 8 and "In eight of them: four where" in text
    assert sorted(saeb.flagged.effect > 0) == [False] * 4 + [True] * 4
    assert round(8 * 0.14) == 1 and "14%" in saeb.says("false_alarms")
    undecided = (saeb.schools.verdict == "not enough data to tell").sum()
    assert undecided == 152 and "Of the other 152 schools" in text
    assert (saeb.schools.pip > 0.9).sum() == 4 and "Four schools are left" in text
    doubted = saeb.prior.query("prior < 0.2 and pip >= 0.75").school
    assert list(doubted) == [saeb.flagged.school.iloc[-1]] and "One school is left" in text


def test_pennsylvania_says_what_was_found():
    from schoolvar.cases.study import study

    made, text = study("pennsylvania"), text_of("pennsylvania")
    share = made.variance.set_index("component")
    assert round(20 * share.share_latent["cohort"]) == 1 and "a twentieth is one year's" in text
    assert round(4 * share.share_full["binomial"]) == 3 and "three quarters of all" in text
    small = made.schools_M3.query("n_trials < 150")
    holds = ((small.effect_lower < 0) & (small.effect_upper > 0)).mean()
    assert 0.4 < holds < 0.6 and "half of them hold the typical school" in text
    middle = made.schools_M3[made.schools_M3.effect.rank(pct=True).between(0.45, 0.55)]
    wide = (middle.rank_upper - middle.rank_lower).median()
    assert wide > 200 and "hundreds of places wide" in text


def test_new_york_says_what_was_found():
    from schoolvar.cases.study import study

    made, text = study("new_york"), text_of("new_york")
    assert round(made.moved.earlier.corr(made.moved.later), 2) == 0.82 and "of .82" in text
    between = int(re.search(r"(\d+)%", made.says("within"))[1])
    assert between < 50 and "more of what they differ in lies *within*" in text
    by = made.schools.groupby("district").effect
    assert by.median()["NYC-02"] > made.schools.effect.median() + 1
    assert by.std()["NYC-02"] < made.schools.effect.std()


def test_chemistry_says_what_was_found():
    from schoolvar.cases.study import study

    made, text = study("chemistry"), text_of("chemistry")
    verdicts = made.verdicts
    share = verdicts["given the intake"] / verdicts["given the intake"].sum()
    assert round(20 * share["not enough data to tell"]) == 19 and "nineteen in twenty" in text
    gone = 1 - verdicts.loc["unusual", "given the intake"] / verdicts.loc["unusual"].iloc[0]
    assert round(10 * gone) == 4 and "four in ten of the flags go" in text
    assert (made.plain.n < 10).mean() >= 0.5 and "fewer than ten students" in text
    large = made.adjusted.query("n >= 50").verdict
    told = (large != "not enough data to tell").mean()
    assert len(large) == 55 and round(5 * told) == 1 and "of 55 schools a fifth" in text
    power = made.power.set_index("n")
    assert round(power.more[10], 2) == 1.75 and round(power.more[100], 2) == 1.17
    assert power.less.isna()[10]


def test_limits_says_what_was_found():
    from schoolvar.cases.limits import NARROW, WIDE, at
    from schoolvar.cases.study import study

    found, text = study("limits").sensitivity, text_of("limits")
    assert round(8 * at(found, 10, WIDE)) == 1 and "one unusual school in eight" in text
    assert at(found, 30, WIDE) < 0.5 and at(found, 100, NARROW) < 0.1


def executed(name):
    "The names that a page's cells leave."
    from schoolvar.report.notebook import run_cell

    (path,) = (p for p in READ if p.stem.endswith(name))
    page = {"__name__": "__main__"}
    for number, source in enumerate(cells(path, "code"), 1):
        _, error = run_cell(source, page, number)
        assert error is None, error
    return page


@pytest.mark.slow
def test_high_school_says_what_was_found():
    page, text = executed("high_school"), text_of("high_school")
    before, after = (
        set(page[name].schools.query("pip >= 0.75").school) for name in ("plain", "adjusted")
    )
    assert (len(before), len(after), len(before & after)) == (22, 13, 11)
    assert "In 22 of 160" in text and "13 are left, 11 of them" in text


@pytest.mark.slow
def test_each_mistake_is_one_and_is_mended():
    "The page is run; what it says of its six mistakes holds of what it has made."
    page = executed("how_to_be_wrong")
    students = page["raw"].n_trials
    assert students.head(10).median() < students.median() > students.tail(10).median()
    error = {name: e.std(ddof=0) for name, e in page["error"].items()}
    assert error["M1"] < error["raw"]
    pulled = {m: p.groupby(page["fifth"]).mean() for m, p in page["pull"].items()}
    assert pulled["M1"][0] / pulled["M1"][4] > 1.5
    assert 0 < page["share"] < 0.9
    loo = page["loo"]
    assert loo.by_school.pareto_k_bad.sum() <= loo.table.pareto_k_bad.sum()
    slope = page["added"].tables["slopes"].set_index("method")["mean"]
    assert slope["me"] > slope["joint"]


def test_explanations_say_what_is_so():
    pip = executed("10_consistency")["pip"]
    assert pip(1.0, 30) > 0.25, "thirty students cannot make a school typical"
    assert pip(1.0, 2000) < 0.25 < 0.75 < pip(1.2, 2000)
    own_weight = executed("20_achievement")["own_weight"]
    assert own_weight(15) < own_weight(200)
    errors = executed("30_coordinates")["errors"]
    assert errors["by zeros and ones"] > 4 * errors["summed out"]
