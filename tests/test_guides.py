"""A reader who follows the guides arrives, and what README and guides claim is shown by the
page they link to.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from test_docs import clone, commands, source  # noqa: F401  (clone is a fixture)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
PAGES = [ROOT / "README.md", ROOT / "index.qmd", *sorted((ROOT / "guides").glob("*.qmd"))]


# ---------------------------------------------------------------- a model of one's own

EXTEND = "guides/extend-a-model.qmd"


def python(page):
    "The Python code of a page, as one session."
    return "\n".join(
        re.findall(
            r"^```python\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S
        )
    )


def follow(block, at):
    return subprocess.run(
        ["bash", "-ec", block],
        cwd=at,
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "CI": "true", "PYTHONPATH": str(at)},
    )


def test_a_program_is_written_run_and_checked_as_the_guide_says(clone, tmp_path):  # noqa: F811
    "Steps 1 to 3: the patch fits the program, and the code runs as it is pasted."
    shutil.copytree(ROOT / "stan", tmp_path / "stan")
    shutil.copy(clone / "my_counts.csv", tmp_path)
    r = follow(commands(EXTEND)[0], tmp_path)
    assert r.returncode == 0, r.stdout + r.stderr
    r = subprocess.run(
        [sys.executable, "-i"],
        input=python(EXTEND),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "CI": "true"},
    )
    assert "Error" not in r.stderr, r.stderr[-2000:]
    assert "The chains agree" in r.stdout, r.stdout
    lower, upper = (
        float(re.search(rf"{k} +([\d.]+)", r.stdout)[1]) for k in ("share_lower", "share_upper")
    )
    assert lower <= 0.955 and upper >= 0.94 and upper - lower < 0.1, r.stdout


@pytest.mark.slow
def test_a_model_is_added_as_the_guide_says(clone, tmp_path):  # noqa: F811
    "Every command, from the program to a report of the new model, in a copy of the project."
    for name in ("schoolvar", "stan", "tests", "tools", "nbs"):
        shutil.copytree(
            ROOT / name,
            tmp_path / name,
            ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"),
        )
    for name in (
        "Makefile",
        "pyproject.toml",
        "settings.ini",
        "_quarto.yml",
        "README.md",
        "CONTRIBUTING.md",
        "requirements",
        "guides",
        "index.qmd",
        "benchmarks",
    ):
        # its date too: a newer pyproject.toml would make the environment again
        (tmp_path / name).symlink_to(ROOT / name) if (ROOT / name).is_dir() else shutil.copy2(
            ROOT / name, tmp_path
        )
    (tmp_path / ".venv").symlink_to(clone / ".venv")
    shutil.copy(clone / "my_counts.csv", tmp_path)
    for block in commands(EXTEND):
        r = follow(block, tmp_path)
        assert r.returncode == 0, f"{block}\n{r.stdout[-1500:]}{r.stderr[-1500:]}"
    assert "fit_tails" in (tmp_path / "schoolvar" / "achievement" / "tails.py").read_text(
        encoding="utf-8"
    )
    assert (tmp_path / "tails_report" / "index.html").is_file()


# ---------------------------------------------------------------- what is claimed is shown

NUMBER = (
    r"(?:\d[\d,.]*|half an?|one|two|three|ten|a few|several|many|"
    r"hundreds of|thousands of|millions? of)"
)
UNIT = r"(?:ms|s|seconds?|minutes?|hours?|kB|MB|GB|times|reports a minute|effective draws)"
CLAIMS = re.compile(
    rf"(?<![\w.-]){NUMBER}\s+{UNIT}\b(?! a day)"
    r"|\b(?:costs?|takes?|in) (?:only )?(?:seconds|minutes|hours)\b|reports a\s+minute"
    r"|false alarms|less than half of|as often as they say"
    r"|\bcalibrated\b|\brecovers?\b|\bunbiased\b|\bfaster\b|\bfastest\b|\bquickly\b"
    r"|\binstantly\b|\bmillions\b|nothing from outside|fetch(?:es)? nothing|nothing else is fetched"
    r"|without a network|\boffline\b|\bnever\b(?! seen)|\balways\b|\bguarantee",
    re.I,
)
RUNS = r"calibration|agreement|limits|known_truth|benchmarks|value_added_methods"
SHOWN = re.compile(
    rf"(?:docs/studies/(?:{RUNS}|how_to_be_wrong|saeb|pennsylvania)"
    rf"|nbs/studies/\d+_(?:{RUNS})).ipynb|promises\.qmd"
)
EXCEPTIONS = {  # page, words -> why there is nothing to link to
    ("guides/install.qmd", "| no network | [Without a network]"): "a heading, not a claim",
    ("guides/install.qmd", "on a machine without a network say"): "says where, not that it works",
    (
        "README.md",
        "[Install](guides/install.qmd) says what to do without a network",
    ): "leads to the steps",
    ("guides/files.qmd", "for machines without a network"): "says what a variable is for",
}


def blocks(page):
    """Paragraphs, items of lists and rows of tables, each with what stands around it.

    Code is left out, a table shows what the paragraphs beside it link to.
    """
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    paragraphs = [p for p in re.split(r"\n\s*\n", text) if p.strip()]
    for i, p in enumerate(paragraphs):
        if p.lstrip().startswith("|"):
            beside = " ".join(
                q
                for q in paragraphs[max(i - 1, 0) : i + 2]
                if not q.lstrip().startswith(("|", "#"))
            )
            yield from ((row, row + " " + beside) for row in p.splitlines())
        elif re.match(r"[-*] ", p.lstrip()):
            yield from ((item, item) for item in re.split(r"\n(?=[-*] )", p))
        elif not p.startswith("#"):
            yield p, p


def test_measured_figures_lead_to_their_page():
    """A figure of time, speed or memory, or a word that claims one, has in its paragraph a link
    to the page that shows it.
    """
    bare, used = [], set()
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        # each row names its test, or is made from one
        if name == "guides/promises.qmd" or name.startswith("guides/messy-"):
            continue
        for text, around in blocks(page):
            if not (
                found := CLAIMS.search(re.sub(r"\]\([^)]*\)|`[^`]*`", " ", text))
            ) or SHOWN.search(around):
                continue
            excepted = [k for k in EXCEPTIONS if k[0] == name and k[1] in " ".join(text.split())]
            used.update(excepted)
            if not excepted:
                bare.append(f"{name}: {found[0]!r} in {' '.join(text.split())[:160]!r}")
    assert not bare, "\n".join(bare)
    assert not set(EXCEPTIONS) - used, f"exceptions that are not needed: {set(EXCEPTIONS) - used}"


def test_claims_are_seen():
    for text in (
        "It takes 43 seconds.",
        "half a second of sampling",
        "needs 317 MB",
        "47,000 times the draws",
        "Costs seconds.",
        "The intervals are calibrated.",
        "It never fails.",
        "works without a network",
    ):
        assert CLAIMS.search(text), text
    for text in (
        "160 schools",
        "groups of fewer than 10 students",
        "three years and subjects",
        "the first one takes longest",
    ):
        assert not CLAIMS.search(text), text


def slug(heading):
    "The anchor of a heading, as Pandoc makes it."
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading)
    return re.sub(
        r"^[^a-z]+", "", re.sub(r"\s+", "-", re.sub(r"[^\w\s.-]", "", plain.lower()).strip())
    )


def anchors(path):
    text = source(path) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
    return {slug(h) for h in re.findall(r"^#+ (.+)$", text, re.M)} | set(
        re.findall(r"^#\| label: (\S+)$", text, re.M)
    )


def test_links_of_the_guides_have_their_anchors():
    from docs.notebooks import notebooks as pages

    notebooks = {f"docs/{name}.ipynb": path for path, name in pages().items()}
    lost = []
    for page in PAGES:
        for target, anchor in re.findall(
            r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8")
        ):
            at = (
                os.path.normpath((page.parent / target).relative_to(ROOT))
                if target
                else page.relative_to(ROOT).as_posix()
            )
            path = notebooks.get(at, ROOT / at)
            # generated with the site, whose own check follows the link
            if at.startswith(("docs/", "example/")) and at not in notebooks:
                continue
            if not path.exists() or anchor and anchor not in anchors(path):
                lost.append(f"{page.name}: {target}#{anchor}")
    assert not lost, lost


SAEB, M2 = ("consistency", "Saeb, intercepts"), ("achievement", "M2, 3,246 schools")
QUOTED = [  # page, what it says, row of benchmarks/results.csv
    ("README.md", r"([\d.]+) s of sampling \|", (*SAEB, "s of sampling")),
    (
        "README.md",
        r"([\d,]+) times the effective draws a second of the R package",
        (*SAEB, "ratio"),
    ),
    ("README.md", r"3,246 schools, three years and subjects \| ([\d.]+) s in all", (*M2, "s")),
    ("README.md", r"M3, 500 schools \| ([\d.]+) s in all", ("lme4", "M3, 500 schools", "s")),
    (
        "README.md",
        r"([\d,]+) times the effective draws a second of `brms`",
        ("brms", "M3, 500 schools", "ratio"),
    ),
    ("README.md", r"([\d.]+) times the time of `glmer`", ("lme4", "M3, 500 schools", "ratio")),
    ("guides/cluster.qmd", r"takes ([\d.]+) seconds on two cores", (*M2, "s")),
    ("index.qmd", r"take (half a) second of sampling", (*SAEB, "s of sampling")),
    (
        "guides/every-district.qmd",
        r"more than (\d+) reports a\s+minute",
        ("province", "pennsylvania, 624 districts, 2 processes", "reports/min"),
    ),
]


@pytest.mark.parametrize(
    "page, pattern, row", QUOTED, ids=[f"{p}: {r[1]}, {r[2]}" for p, _, r in QUOTED]
)
def test_quoted_figures_are_those_of_the_page(page, pattern, row):
    "Within a tenth, so that a run on another day does not change the text."
    r = pd.read_csv(ROOT / "benchmarks" / "results.csv", keep_default_na=False)
    g = r[(r.benchmark == row[0]) & (r.case == row[1]) & (r.unit == row[2])]
    assert len(g) == 1, f"no such row in benchmarks/results.csv: {row}"
    said = re.search(pattern, (ROOT / page).read_text(encoding="utf-8"))
    assert said, f"{page} no longer says {pattern!r}; take it off this list or mend it"
    said = 0.5 if said[1] == "half a" else float(said[1].replace(",", ""))
    assert abs(said / float(g.value.iloc[0]) - 1) < 0.1, (
        f"{page} says {said:g}, benchmarks/results.csv {g.value.iloc[0]}"
    )


def test_shares_that_are_quoted_are_those_of_the_studies():
    t = (
        pd.read_csv(ROOT / "nbs/studies/stored/consistency_truth.csv", dtype={"prior": "str"})
        .query("share == .1")
        .groupby("prior")[["false_positive", "flagged"]]
        .sum()
    )
    rate = t.false_positive / t.flagged
    assert "about a third of the flagged schools false alarms" in " ".join(
        (ROOT / "guides/choose-a-model.qmd").read_text(encoding="utf-8").split()
    )
    assert abs(rate["0.5"] - 1 / 3) < 0.03 and rate["learn"] < rate["0.5"] / 3
    t = (
        pd.read_csv(ROOT / "nbs/studies/stored/limits.csv", keep_default_na=False)
        .query("topic == 'students' and series == 'slab SD 0.31'")
        .astype({"x": float})
    )
    t = t[t.x <= 30].groupby("x")[["true_positive", "unusual"]].sum()
    assert (t.true_positive / t.unusual < 0.5).all() and len(t), (
        "README says that less than half of the unusual schools are found below 30 students"
    )
