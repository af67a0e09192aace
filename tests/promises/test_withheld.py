"""Nothing withheld comes out.

Reports are made by the command, read file by file by the plainest means, and attacked by integer
programs. Nothing of the library's own collector or attack is used here. What is known of an unknown
count: `n >= 1`, `0 <= y <= n`, what rounding leaves of a percentage, and that totals are sums.
"""

import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from outside import command, refusal, reseal
from scipy.optimize import Bounds, LinearConstraint, milp

KEEP = 3
POLICIES = [
    ["--policy", "us"],
    ["--policy", "eqao"],
    ["--min-n", "5"],
    ["--policy", "eqao", "--min-n", "20"],
]


# Provinces and their fits, made up


def province(seed, one_pupil=False, years=(2021, 2022)):
    "Counts of a random province with small schools, schools of one student, and shares near 0 and 1."
    rng = np.random.default_rng(seed)
    rows = []
    for d in range(rng.integers(2, 5)):
        for s in range(rng.integers(2, 6)):
            size = int(np.exp(rng.normal(3.2, 0.9))) + 1
            p = rng.choice([0.02, 0.5, 0.7, 0.98], p=[0.1, 0.4, 0.3, 0.2])
            if one_pupil and s == 0:
                size = 1
            for year in years:
                cohort = size if one_pupil and s == 0 else max(1, size + rng.integers(-3, 4))
                for subject in ("Math", "Reading"):
                    n = cohort if one_pupil and s == 0 else max(1, cohort - rng.integers(0, 2))
                    rows.append(
                        (
                            f"D{d}-{s:02}",
                            f"School {d}-{s}",
                            f"D{d}",
                            f"District {d}",
                            year,
                            3,
                            subject,
                            n,
                            rng.binomial(n, p),
                        )
                    )
    return pd.DataFrame(
        rows,
        columns=[
            "school",
            "school_name",
            "district_id",
            "district",
            "year",
            "grade",
            "subject",
            "n_trials",
            "y_success",
        ],
    )


def fit_of(folder, counts):
    "A folder like that of an achievement fit which was made under the policy, with estimates by the share."
    from schoolvar.report.example import example_fits

    made = example_fits(folder / "like", 2, 10)["achievement"]
    shutil.move(made, folder / "fit")
    sums = (
        counts.groupby(["school", "school_name", "district_id", "district"])[
            ["n_trials", "y_success"]
        ]
        .sum()
        .reset_index()
    )
    raw = sums.y_success / sums.n_trials
    se = 1 / np.sqrt(sums.n_trials + 4)
    effect = 4 * (raw - 0.5)
    ends = dict(
        raw=raw,
        estimate=raw,
        estimate_lower=(raw - se).clip(0, 1),
        estimate_upper=(raw + se).clip(0, 1),
        effect=effect,
        effect_lower=effect - 1,
        effect_upper=effect + 1,
        rank_lower=1.0,
        rank_upper=float(len(sums)),
    )
    sums.drop(columns="y_success").assign(**ends).to_csv(
        folder / "fit" / "schools.csv", index=False
    )
    counts[["school", "year", "grade", "subject", "n_trials", "y_success"]].to_csv(
        folder / "fit" / "counts.csv", index=False
    )
    return reseal(folder / "fit")


def report(fit, out, *options):
    "The command, in this process."
    from schoolvar.cli.main import main

    with pytest.raises(SystemExit) as end:
        main(
            [
                "report",
                "--achievement",
                str(fit),
                "--out",
                str(out),
                "--workers",
                "1",
                *map(str, options),
            ]
        )
    return end.value.code


# What the files say, read plainly


class Tables(HTMLParser):
    "The tables of a page: lists of rows of texts."

    def __init__(self):
        super().__init__()
        self.tables, self.inside = [], False

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.inside = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.tables[-1][-1][-1] += data


def share(text):
    "Least and largest share of a written percentage; shares were rounded to a tenth of a percent before."
    sign, number = re.fullmatch(r"([≥≤]?)\s*([\d.]+)\s*%", text.replace("\u00a0", " ")).groups()
    half = 0.0005 if "." in number else 0.0055
    low, high = float(number) / 100 - half - 1e-9, float(number) / 100 + half + 1e-9
    return (low, 1.0) if sign == "≥" else (0.0, high) if sign == "≤" else (low, high)


def count(text):
    return None if text in ("–", "[x]") else int(text.replace(",", ""))


def learn(known, key, n=None, low=0.0, high=1.0, withheld=False, limited=False):
    "Put a statement beside those of other files."
    now = known.setdefault(key, dict(n=None, low=0.0, high=1.0, withheld=False, limited=False))
    assert n is None or now["n"] in (None, n), f"two files differ in {key}"
    now["n"] = n if n is not None else now["n"]
    now["low"], now["high"] = max(now["low"], low), min(now["high"], high)
    now["withheld"] |= withheld
    now["limited"] |= limited


def row(known, key, n, percent):
    if "[c]" in (n, percent):
        return learn(known, key, withheld=True)
    low, high = share(percent) if percent not in ("–", "[x]") else (0.0, 1.0)
    # may have been drawn back from a limit
    if key[0] == "school":
        low, high = low - 0.0005, high + 0.0005
    learn(known, key, count(n), low, high, limited=percent[:1] in "≥≤")


def read_tables(known, tables, district):
    for table in tables:
        head = table[0]
        if head[:2] == ["School", "Subject"] and all(h.isdigit() for h in head[2:]):
            for school, subject, *cells in table[1:]:
                for year, text in zip(head[2:], cells, strict=False):
                    if text in ("–", "[x]", ""):
                        continue
                    percent, n = (
                        ("[c]", "[c]")
                        if text == "[c]"
                        else re.fullmatch(r"(.*) \((.*)\)", text).groups()
                    )
                    row(known, ("cell", district, school, int(year), subject), n, percent)
        elif head == ["Subject", "Year", "Results counted", "At the standard", "All schools"]:
            for subject, year, n, percent, everyone in table[1:]:
                row(known, ("district", district, "", int(year), subject), n, percent)
                row(known, ("all", "", "", int(year), subject), "–", everyone)
        elif head[0] == "School" and "Results counted" in head:
            for cells in table[1:]:
                row(
                    known,
                    ("school", district, cells[0], 0, ""),
                    cells[head.index("Results counted")],
                    cells[head.index("At the standard")],
                )


def sheet_text(value, digits=3):
    return str(value) if isinstance(value, str) else f"{value * 100:.{digits - 2}f} %"


def district_of_pages(folder):
    "File of a district -> its key, from the index."
    index = (folder / "index.html").read_text(encoding="utf-8")
    entry = r'districts/([^"]+?)\.html">.*?<td class="short">(.*?)</td>'
    return dict(re.findall(entry, index))


def limit_sign(limit):
    return {1: "≥ ", -1: "≤ ", 0: ""}[limit]


def read_page(known, path, district):
    if not district:
        return
    page = Tables()
    page.feed(path.read_text(encoding="utf-8"))
    read_tables(known, page.tables, district)


def read_notebook(known, path, district):
    page = Tables()
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            page.feed("".join(output.get("data", {}).get("text/html", "")))
    read_tables(known, page.tables, district)


def read_workbook(known, path, district):
    how = dict(sheet_name=None, header=3, engine="calamine", keep_default_na=False)
    for sheet in pd.read_excel(path, **how).values():
        if not {"School", "Subject", "Year"} <= set(sheet):
            continue
        for r in sheet.to_dict("records"):
            n = r["Results counted"]
            what = ("cell", district, r["School"], int(r["Year"]), r["Subject"])
            shown = n if isinstance(n, str) else str(int(n))
            row(known, what, shown, sheet_text(r["At the standard"]))


def read_cells(known, path, district):
    names = pd.read_parquet(path.with_name("achievement.parquet")).set_index("school").name
    for r in pd.read_parquet(path).itertuples():
        if not r.state:
            what = ("cell", r.key, names[r.school], int(r.year), r.subject)
            share = limit_sign(r.limit) + sheet_text(float(r.percent))
            row(known, what, str(int(r.n_trials)), share)


def read_years(known, path, district):
    for r in pd.read_parquet(path).itertuples():
        if not r.state:
            key = r.key if r.level == "district" else ""
            what = (r.level, key, "", int(r.year), r.subject)
            share = limit_sign(r.limit) + sheet_text(float(r.percent))
            row(known, what, str(int(r.n_trials)), share)


def read_achievement(known, path, district):
    columns = set(pd.read_parquet(path))
    assert not {"students", "n_students"} & columns, "distinct students narrow what is withheld"


READERS = {
    ".html": read_page,
    ".ipynb": read_notebook,
    ".xlsx": read_workbook,
    "cells.parquet": read_cells,
    "years.parquet": read_years,
    "achievement.parquet": read_achievement,
}


def read_folder(folder):
    "Everything that a release says of counts: pages, notebooks, workbooks and tables."
    known, districts = {}, district_of_pages(folder)
    for path in sorted(folder.rglob("*")):
        read = READERS.get(path.name) or READERS.get(path.suffix)
        if read:
            read(known, path, districts.get(path.stem))
    return known


# Integer programs


class System:
    "All cells of some releases as variables: n of each, then y of each. Nothing is solved by us."

    def __init__(self, releases, most=100_000):
        self.cells = sorted({k for known in releases for k in known if k[0] == "cell"})
        self.at = {k: i for i, k in enumerate(self.cells)}
        self.size = size = len(self.cells)
        self.bounds = Bounds(np.r_[np.ones(size), np.zeros(size)], np.full(2 * size, float(most)))
        self.rows, self.low, self.high = [], [], []
        for i in range(size):  # no more successes than students
            self.add(self.weights([i], 1, -1), 0, np.inf)
        for known in releases:
            theirs = [k for k in self.cells if k in known]
            for key, said in known.items():
                if members := [self.at[k] for k in theirs if within(k, key)]:
                    self.say(members, said)
        self.rules = LinearConstraint(*map(np.array, (self.rows, self.low, self.high)))

    def weights(self, members, of_n, of_y):
        w = np.zeros(2 * self.size)
        w[members] = of_n
        w[[m + self.size for m in members]] = of_y
        return w

    def add(self, weights, least, largest):
        self.rows.append(weights)
        self.low.append(least)
        self.high.append(largest)

    def say(self, members, said):
        "What is shown of a cell or of a total."
        if said["withheld"]:
            return
        n, y = self.weights(members, 1, 0), self.weights(members, 0, 1)
        if said["n"] is not None:
            self.add(n, said["n"], said["n"])
        self.add(y - said["low"] * n, 0, np.inf)
        self.add(y - said["high"] * n, -np.inf, 0)

    def solve(self, weights):
        "The counts that fit and have the least of these."
        how = dict(integrality=np.ones(2 * self.size), bounds=self.bounds, constraints=self.rules)
        # HiGHS sometimes calls a feasible program infeasible while presolving
        for presolve in (True, False):
            found = milp(weights, **how, options={"presolve": presolve})
            if found.x is not None:
                return np.round(found.x)
        raise AssertionError(f"no whole numbers fit what is published: {found.message}")


def within(cell, key):
    "Whether a cell belongs to a total, or is it."
    level, district, school, year, subject = key
    if level == "cell":
        return cell == key
    if level == "sizes":
        return (cell[1:3], cell[4]) == ((district, school), subject)
    if level == "school":
        return cell[1:3] == (district, school)
    return cell[3:] == (year, subject) and (level == "all" or cell[1] == district)


def attacked(releases, cells):
    "The cells and kinds of counts that the first release withholds or limits."
    kinds = {"n": (1, 0), "y": (0, 1), "n - y": (1, -1)}
    for key in cells:
        said = releases[0].get(key)
        if not said or not (said["withheld"] or said["limited"]):
            continue
        # published before
        if said["withheld"] and any(e.get(key, said)["n"] is not None for e in releases[1:]):
            continue
        for what, parts in kinds.items():
            if what == "y" or not said["limited"]:
                yield key, what, parts


def attack(releases, most=100_000):
    "Of the first release's withheld and limited counts: (what, least, largest)."
    system = System(releases, most)
    seen, found = [system.solve(np.zeros(2 * system.size))], []
    for key, what, parts in attacked(releases, system.cells):
        w = system.weights([system.at[key]], *parts)
        values = [w @ x for x in seen]
        for sign in (-1, 1):
            if max(values) - min(values) + 1 >= KEEP:
                break
            seen.append(system.solve(sign * w))
            values.append(w @ seen[-1])
        found.append(((key, what), min(values), max(values)))
    return found


def recovered(releases):
    return [f for f in attack(releases) if f[2] - f[1] + 1 < KEEP]


# The promises


def attacked_province(folder, seed, options, **how):
    "A province, its report by the command, and what comes out of it."
    counts = province(seed, **how)
    fit = fit_of(folder, counts)
    status = report(fit, folder / "out", "--formats", "xlsx,notebook", *options)
    # nothing may be published, and nothing was
    if status == 2:
        return None
    assert status == 0
    return recovered([read_folder(folder / "out")])


@pytest.mark.parametrize("seed", range(12))
def test_nothing_withheld_comes_out(seed, tmp_path, capsys):
    found = attacked_province(tmp_path, seed, POLICIES[seed % 4])
    assert not found, found[:3]
    if found is None:
        assert (
            not (tmp_path / "out").exists()
            and len(capsys.readouterr().err.strip().splitlines()) == 1
        )


@pytest.mark.slow
def test_nothing_comes_out_of_a_hundred_provinces(tmp_path):
    out = {}
    for seed in range(100, 200):
        folder = tmp_path / str(seed)
        folder.mkdir()
        out[seed] = attacked_province(folder, seed, POLICIES[seed % 4], one_pupil=seed % 3 == 0)
        shutil.rmtree(folder)
    assert not {s: f[:2] for s, f in out.items() if f}
    assert sum(f is None for f in out.values()) <= 5, "hardly anything is published"


def test_schools_of_one_student_are_not_recovered(tmp_path):
    "The reader lets no group of none in, so `n = 0` is not possible: ten schools of one student were all recovered."
    for seed in (31, 32, 33):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found = attacked_province(folder, seed, ["--policy", "us"], one_pupil=True)
        assert not found, found[:3]


def scores_of(folder, counts):
    "A folder like that of a consistency fit: a school's `n` is the sum of its counts in mathematics."
    from schoolvar.report.example import example_fits

    fit = example_fits(folder / "like", 2, 10)["consistency"]
    names = ["school", "school_name", "district_id", "district"]
    counts = counts[counts.subject == "Math"].rename(columns={"n_trials": "n"})
    sums = counts.groupby(names, as_index=False).n.sum()
    like = pd.read_csv(fit / "schools.csv", dtype={"school": "str"})
    like = like.iloc[np.arange(len(sums)) % len(like)].reset_index(drop=True)
    like.assign(**sums).to_csv(fit / "schools.csv", index=False)
    return reseal(fit)


def with_sizes(known, folder):
    "What a release says, together with the guess that scores and counts are of the same students."
    known, sizes = dict(known), pd.read_parquet(folder / "data/consistency.parquet")
    for row in sizes[sizes.n.notna()].itertuples():
        place = next((k for k in known if k[0] == "cell" and k[2] == row.name), None)
        if place:
            said = dict(n=float(row.n), low=0.0, high=1.0, withheld=False, limited=False)
            known["sizes", *place[1:3], 0, "Math"] = said
    return known


def schools_sizes_attacked(tmp_path):
    "What comes out of a province where larger schools had one small year, and scores are of the same students."
    counts = province(0)
    large = counts.groupby("school").n_trials.min().nlargest(4).index
    small_year = counts.school.isin(large) & (counts.year == 2021)
    counts.loc[small_year, ["n_trials", "y_success"]] = [8, 4]
    beside = ("--consistency", scores_of(tmp_path / "scores", counts), "--formats", "notebook")
    assert report(fit_of(tmp_path, counts), tmp_path / "out", *beside) == 0
    return recovered([with_sizes(read_folder(tmp_path / "out"), tmp_path / "out")])


def test_the_number_of_scores_gives_no_count_away(tmp_path):
    "Consistency's `n` may be the sum of a school's counts in a subject, from which a withheld one follows."
    assert not (found := schools_sizes_attacked(tmp_path)), found[:3]


def test_the_number_of_scores_would_give_counts_away(tmp_path, monkeypatch):
    "The reason why it hides with them: published for every school that is shown, it tells."
    from schoolvar.report import publication

    monkeypatch.setattr(publication, "without_sizes", lambda frame, gaps: frame)
    assert schools_sizes_attacked(tmp_path)


def test_the_attack_recovers_what_is_not_protected(tmp_path):
    "A single withheld cell beside its district's total: the same attack finds it, else the tests above could not fail."
    known = {
        ("cell", "D", "a", 2021, "Math"): dict(
            n=None, low=0.0, high=1.0, withheld=True, limited=False
        ),
        ("cell", "D", "b", 2021, "Math"): dict(
            n=40, low=0.4995, high=0.5005, withheld=False, limited=False
        ),
        ("district", "D", "", 2021, "Math"): dict(
            n=48, low=0.5, high=0.501, withheld=False, limited=False
        ),
    }
    assert [f[0][1] for f in recovered([known])] == ["n", "y", "n - y"]
    del known["district", "D", "", 2021, "Math"]
    assert not recovered([known])


@pytest.fixture(scope="module")
def two_years(tmp_path_factory):
    "A release of two years, of a province that gets a third."
    folder = tmp_path_factory.mktemp("two")
    counts = province(0, years=(2021, 2022, 2023))
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    before, after = fit_of(folder / "a", counts[counts.year < 2023]), fit_of(folder / "b", counts)
    assert report(before, folder / "first") == 0
    return folder, after


@pytest.mark.parametrize("policy", ["us", "eqao"])
def test_two_releases_give_away_no_more_than_one(two_years, policy, tmp_path):
    "Also under another policy, `eqao` after `us`."
    folder, after = two_years
    assert (
        report(after, tmp_path / "second", "--previous", folder / "first", "--policy", policy) == 0
    )
    first = read_folder(folder / "first")
    found = recovered([read_folder(tmp_path / "second"), first])
    assert not found, found[:3]


def test_without_previous_two_releases_do_give_away(tmp_path):
    "The reason for the option; found in some province of a few."
    broken = 0
    for seed in range(12):
        folder = tmp_path / str(seed)
        counts = province(seed, years=(2021, 2022, 2023))
        (folder / "a").mkdir(parents=True)
        (folder / "b").mkdir()
        fits = fit_of(folder / "a", counts[counts.year < 2023]), fit_of(folder / "b", counts)
        if report(fits[0], folder / "first", "--policy", "us") or report(
            fits[1], folder / "second", "--policy", "eqao"
        ):
            continue
        broken += bool(recovered([read_folder(folder / "second"), read_folder(folder / "first")]))
        if broken:
            break
    assert broken


def test_replacing_a_release_without_naming_it_is_said(two_years, capsys):
    folder, after = two_years
    shutil.copytree(folder / "first", folder / "site")
    assert report(after, folder / "site") == 0
    assert "--previous" in capsys.readouterr().err
    assert report(after, folder / "site", "--previous", folder / "first", "--policy", "eqao") == 0


@pytest.mark.parametrize("harm", ["nothing there", "not ours", "cut", "edited"])
def test_an_earlier_release_must_be_whole(two_years, harm, tmp_path):
    folder, after = two_years
    old = tmp_path / "old"
    if harm == "not ours":
        old.mkdir()
        (old / "manifest.json").write_text("{}")
    elif harm != "nothing there":
        shutil.copytree(folder / "first", old)
        page = next((old / "districts").glob("*.html"))
        page.unlink() if harm == "cut" else page.write_text(
            page.read_text(encoding="utf-8") + "<!-- -->", encoding="utf-8"
        )
    line = refusal(
        command("report", "--achievement", after, "--out", tmp_path / "out", "--previous", old)
    )
    assert str(old) in line and not (tmp_path / "out").exists()


def test_policies_say_what_they_promise():
    said = command("policies").stdout
    for words in (
        "fewer than 10 students",
        "fewer than 15 students",
        "95%",
        "at least 3: results, at the standard, below the standard",
    ):
        assert words in said


def test_a_column_that_the_audit_does_not_know_stops_the_report(tmp_path, monkeypatch, capsys):
    "What cannot be read cannot be called safe: here somebody publishes the distinct students again."
    from schoolvar.report import publication

    fit = fit_of(tmp_path, province(1))
    plain = publication.published
    monkeypatch.setattr(
        publication, "published", lambda *tables: plain(*tables).assign(students=7.0)
    )
    assert report(fit, tmp_path / "out", "--formats", "notebook") == 2
    line = capsys.readouterr().err.strip().splitlines()
    assert "'students'" in line[-1] and not (tmp_path / "out").exists()


# What is withheld does not matter


def another_truth(counts, known, rng):
    "Other counts of the withheld cells, under which all that is shown stays as it is; or None."
    by_cell = {
        (k[2].partition("#")[0], *k[3:]): said for k, said in known.items() if k[0] == "cell"
    }
    cells = list(zip(counts.school_name, counts.year, counts.subject, strict=True))
    away = np.array([by_cell[cell]["withheld"] for cell in cells])
    size, at = int(away.sum()), counts[away].reset_index(drop=True)
    if not size:
        return None
    shown = {key: not said["withheld"] for key, said in known.items()}
    rows, totals = [], []
    for level, columns in (
        ("school", ["district_id", "school_name"]),
        ("district", ["district_id", "year", "subject"]),
        ("all", ["year", "subject"]),
    ):
        for key, members in at.groupby(columns).indices.items():
            place = dict(school=(*key, 0, ""), district=(key[0], "", *key[1:]), all=("", "", *key))
            if not shown.get((level, *place[level])):
                continue  # a total that is not shown may be another one
            for half, column in ((0, "n_trials"), (1, "y_success")):
                row = np.zeros(2 * size)
                row[members + half * size] = 1
                rows.append(row)
                totals.append(at[column].to_numpy()[members].sum())
    for i in range(size):  # no more successes than students
        row = np.zeros(2 * size)
        row[i], row[i + size] = 1, -1
        rows.append(row)
    truth = np.r_[at.n_trials, at.y_success].astype(float)
    ends = np.r_[totals, np.zeros(size)], np.r_[totals, np.full(size, np.inf)]
    found = milp(
        rng.normal(size=2 * size),
        integrality=np.ones(2 * size),
        bounds=Bounds(np.r_[np.ones(size), np.zeros(size)], truth + 3),
        constraints=LinearConstraint(np.array(rows), *ends),
        options={"presolve": False},
    )
    if found.x is None or (np.round(found.x) == truth).all():
        return None
    other = counts.copy()
    other.loc[away, "n_trials"] = np.round(found.x[:size]).astype(int)
    other.loc[away, "y_success"] = np.round(found.x[size:]).astype(int)
    return other


def files_of(folder):
    "Every file of a report."
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def states_of(folder):
    "What is withheld or given as a limit, of schools, sums and cells."
    tables = (
        pd.read_parquet(folder / f"data/{n}.parquet") for n in ("achievement", "years", "cells")
    )
    return [table[["state", "limit"]].values.tolist() for table in tables]


def test_whatever_the_withheld_counts_are_every_file_is_the_same(tmp_path):
    "Sentences, texts for screen readers, the index and facts.json hold nothing that tables do not."
    compared = 0
    for seed in range(200, 260):
        counts, rng = province(seed), np.random.default_rng(seed)
        options = ["--formats", "xlsx,notebook", "--release", "R", *POLICIES[seed % 4]]
        folder = tmp_path / str(seed)
        (folder / "other").mkdir(parents=True)
        if report(fit_of(folder, counts), folder / "out", *options):
            continue
        other = another_truth(counts, read_folder(folder / "out"), rng)
        if other is None:
            continue
        if report(fit_of(folder / "other", other), folder / "other/out", *options):
            continue
        # other cells may hide others then, which is said in the guide
        if states_of(folder / "out") != states_of(folder / "other/out"):
            continue
        assert files_of(folder / "out") == files_of(folder / "other/out"), seed
        compared += 1
        if compared == 5:
            return
    raise AssertionError(f"only {compared} were compared")


def test_a_folder_of_rerun_is_no_earlier_release(tmp_path):
    "Studies are not laid beside a report: one line says so, before anything is made."
    from schoolvar.report.release_audit import ReleaseError, read_release

    text = '{"release": "2026-01-01-abc", "runs": []}'
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ReleaseError, match="is a folder of the command rerun") as error:
        read_release(tmp_path)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)
