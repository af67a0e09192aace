"""Nothing withheld comes out: an attacker of its own reads the files of a report and solves integer programs over them.

It shares nothing with the package's own attack: pages are read by regular expressions, workbooks by their cells, tables by pandas;
the programs are written anew, an unknown n, y at a time.
"""
import html
import re

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from schoolvar.disclosure import DisclosurePolicy
from schoolvar.publication import example_fits
from schoolvar.reports import render_reports

from outside import reseal

KEEP = 3                                        # possible values that the policies below promise
POLICIES = [DisclosurePolicy.named("us"), DisclosurePolicy.named("eqao"), DisclosurePolicy.named("us", 20), DisclosurePolicy.named("eqao", 6)]
NUMBER = re.compile(r"([≥≤]?)\s*([\d.]+)\s*%(?:\s*\(([\d,]+)\))?")


def number(text):
    return float(text.replace(",", ""))


def share(sign, percent, half):
    "The range of a share that is shown as a percentage."
    p = percent/100
    return (p - half, 1.) if sign == "≥" else (0., p + half) if sign == "≤" else (p - half, p + half)


def rows_of(table):
    return [[html.unescape(re.sub(r"<[^>]+>", "", c)).replace("\xa0", " ").strip() for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
            for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.S)]


def of_pages(folder, note):
    "What the pages say. Districts and schools by name."
    for path in sorted((folder/"districts").glob("*.html")):
        for table in re.findall(r"<table[^>]*>.*?</table>", path.read_text(encoding="utf-8"), re.S):
            head, *body = rows_of(table)
            for row in body:
                if head[:2] == ["School", "Subject"]:
                    for year, text in zip(head[2:], row[2:]):
                        found = NUMBER.match(text)
                        if found:
                            note(("cell", path.stem, row[0], row[1], year), number(found[3]), share(found[1], float(found[2]), .0005001))
                        elif "[c]" in text:
                            note(("cell", path.stem, row[0], row[1], year), None, (0, 1))
                elif head[:2] == ["Subject", "Year"]:
                    for key, n, text in ((("district", path.stem, row[0], row[1]), row[2], row[3]), (("all", row[0], row[1]), "", row[4] if len(row) > 4 else "")):
                        found = NUMBER.match(text)
                        if found:
                            note(key, number(n) if n else None, share(found[1], float(found[2]), .0005001))
                        elif key[0] == "district":
                            note(key, None, (0, 1))
                elif head[:2] == ["School", "Compared with the typical school"] and head[-1] == "Results counted":
                    found = NUMBER.match(row[-2])
                    if found:
                        note(("school", path.stem, row[0]), number(row[-1]), share(found[1], float(found[2]), .0060001))
                    else:
                        note(("school", path.stem, row[0]), None, (0, 1))


def of_workbooks(folder, note):
    "What the workbooks say."
    from python_calamine import CalamineWorkbook
    for path in sorted((folder/"districts").glob("*.xlsx")):
        book = CalamineWorkbook.from_path(path)
        for sheet in book.sheet_names:
            rows = book.get_sheet_by_name(sheet).to_python()
            head = next((i for i, r in enumerate(rows) if r[0] in ("School", "Subject") and "Results counted" in r), None)
            if head is None:
                continue
            at = {name: i for i, name in enumerate(rows[head])}
            for row in rows[head + 1:]:
                if not row[0]:
                    continue
                if "Year" in at:
                    key = ("cell", path.stem, row[0], row[at["Subject"]], str(row[at["Year"]])) if "School" in at else ("district", path.stem, row[at["Subject"]], str(row[at["Year"]]))
                    half = .0005001
                else:
                    key, half = ("school", path.stem, row[0]), .0015001
                n, p = row[at["Results counted"]], row[at["At the standard"]]
                if isinstance(p, str):
                    found = NUMBER.match(p.replace("\xa0", " "))
                    note(key, n if isinstance(n, float) else None, share(found[1], float(found[2]), .0005001) if found else (0, 1))
                else:
                    note(key, n, share("", p*100, half))


def of_tables(folder, note, stems):
    "What the tables beside notebooks say, n of the whole province among it."
    if not (folder/"data").is_dir():
        return
    data = folder/"data"
    sign = {1: "≥", -1: "≤", 0: ""}
    schools = pd.read_parquet(data/"achievement.parquet")
    names = dict(zip(schools.school, schools.name))
    for r in schools.itertuples():
        note(("school", stems[r.key], r.name), *((r.n_trials, share(sign[r.limit], r.raw*100, .0015001)) if r.state == "" else (None, (0, 1))))
    for r in pd.read_parquet(data/"cells.parquet").itertuples():
        note(("cell", stems[r.key], names[r.school], r.subject, str(r.year)), *((r.n_trials, share(sign[r.limit], r.percent*100, .0005001)) if r.state == "" else (None, (0, 1))))
    for r in pd.read_parquet(data/"years.parquet").itertuples():
        key = ("district", stems[r.key], r.subject, str(r.year)) if r.level == "district" else ("all", r.subject, str(r.year))
        note(key, *((r.n_trials, share(sign[r.limit], r.percent*100, .0005001)) if r.state == "" else (None, (0, 1))))


def collected(*folders):
    "For each number: how many results (None: not told), and the range of its share, as narrow as all files make it."
    known = {}

    def note(key, n, ends):
        before_n, (low, high) = known.get(key, (None, (0., 1.)))
        assert n is None or before_n is None or n == before_n, f"{key} is {before_n} here and {n} there"
        known[key] = (before_n if n is None else n, (max(low, ends[0]), min(high, ends[1])))

    for folder in folders:
        stems = {}
        for path in (folder/"districts").glob("*.html"):
            stems[re.search(r"^(.*)-[0-9a-f]{8}$", path.stem)[1].upper()] = path.stem
        of_pages(folder, note)
        of_workbooks(folder, note)
        of_tables(folder, note, stems)
    return known


def attacked(known, keep=KEEP):
    "The withheld or limited counts with fewer than `keep` possible values: (number, count, least, most). And how many were attacked."
    cells = [k for k in known if k[0] == "cell"]
    place = {k: i for i, k in enumerate(cells)}
    size = len(cells)
    low, high = np.zeros(2*size), np.full(2*size, np.inf)
    low[:size] = 1
    rows, ends = [], []

    def tie(members, n, p):
        "What a sum says: of its n, and of its y."
        if n is not None:
            rows.append([(place[m], 1.) for m in members])
            ends.append((n, n))
            rows.append([(size + place[m], 1.) for m in members])
            ends.append((np.ceil(n*p[0] - 1e-9), np.floor(n*p[1] + 1e-9)))

    for k, (n, p) in known.items():
        if k[0] == "cell" and n is not None:
            i = place[k]
            low[i] = high[i] = n
            low[size + i], high[size + i] = max(0, np.ceil(n*p[0] - 1e-9)), min(n, np.floor(n*p[1] + 1e-9))
        elif k[0] == "school":
            tie([c for c in cells if c[1:3] == k[1:3]], n, p)
        elif k[0] == "district":
            tie([c for c in cells if (c[1], c[3], c[4]) == k[1:]], n, p)
        elif k[0] == "all":
            tie([c for c in cells if c[3:] == k[1:]], n, p)
    for i in range(size):                                       # no more at the standard than results
        rows.append([(i, 1.), (size + i, -1.)])
        ends.append((0, np.inf))
    at = [(r, c, v) for r, row in enumerate(rows) for c, v in row]
    r, c, v = map(np.array, zip(*at))
    A = coo_array((v, (r, c)), shape=(len(rows), 2*size)).tocsr()
    limits = LinearConstraint(A, *np.array(ends, float).T)

    counts = []
    for k in cells:
        n, p = known[k]
        i = place[k]
        if n is None:
            counts += [(k, "n", {i: 1}), (k, "y", {size + i: 1}), (k, "n - y", {i: 1, size + i: -1})]
        elif p[1] - p[0] > .0011:                               # given as a limit
            counts.append((k, "y", {size + i: 1}))
    seen = np.empty((0, 2*size))
    found = []
    for k, what, weights in counts:
        w = np.zeros(2*size)
        w[list(weights)] = list(weights.values())
        values = set(np.round(seen @ w)) if len(seen) else set()
        if len(values) and max(values) - min(values) + 1 >= keep:
            continue
        for sign in (1, -1):
            answer = milp(sign*w, integrality=np.ones(2*size), bounds=Bounds(low, high), constraints=[limits])
            if answer.status in (3, 4) or answer.x is None and "unbounded" in answer.message.lower():
                values = {0, keep}                              # without end
                break
            assert answer.x is not None, answer.message
            seen = np.vstack([seen, np.round(answer.x)])
            values.add(round(float(w @ np.round(answer.x))))
        if max(values) - min(values) + 1 < keep:
            found.append((k, what, min(values), max(values)))
    return found, len(counts)


def released(folder, seed, policy, districts=3, schools=15, formats=("xlsx", "notebook"), change=None, name="out", **how):
    "The report of a random province."
    fit = folder/f"fits-{seed}"/"achievement"
    if not fit.exists():
        fit = example_fits(folder/f"fits-{seed}", districts, schools, seed=seed)["achievement"]
        if change:
            change(fit)
            reseal(fit)
    render_reports(folder/name, achievement=fit, policy=policy, formats=formats, workers=1, records=folder/"records",
                   progress=False, **how)
    return folder/name


def withstands(folder, seed, policies=POLICIES):
    attacked_counts = 0
    for i, policy in enumerate(policies):
        found, count = attacked(collected(released(folder, seed, policy, name=f"out{i}")))
        assert not found, (seed, policy.name, policy.min_n, found[:5])
        attacked_counts += count
    return attacked_counts


@pytest.mark.parametrize("seed", range(1, 13))
def test_nothing_withheld_is_narrowed_down(tmp_path, seed):
    assert withstands(tmp_path, seed) > 20, "nothing was withheld: the attack proves nothing"


@pytest.mark.slow
def test_nothing_withheld_is_narrowed_down_in_a_hundred_provinces(tmp_path):
    counts = [withstands(tmp_path/str(seed), seed, [POLICIES[seed % 4]]) for seed in range(100, 200)]
    assert sum(counts) > 1000, "next to nothing was withheld: the attack proves nothing"


def test_two_releases_together_give_nothing_away(tmp_path):
    "The same province under one policy and then another; without `previous` the two together do give something away."
    alone = []
    for seed in range(1, 7):
        folder = tmp_path/str(seed)
        first = released(folder, seed, POLICIES[0], name="first")
        careless = released(folder, seed, POLICIES[1], name="careless")
        careful = released(folder, seed, POLICIES[1], name="careful", previous=[first])
        # what the first release alone leaves possible is the first one's affair
        before = {(k, what) for k, what, *_ in attacked(collected(first))[0]}
        alone += [f for f in attacked(collected(first, careless))[0] if f[:2] not in before]
        found = [f for f in attacked(collected(first, careful))[0] if f[:2] not in before]
        assert not found, (seed, found[:5])
    assert alone, "the two releases gave nothing away even without `previous`: the test proves nothing"


def test_ten_schools_of_one_student_stay_hidden(tmp_path):
    "Groups of one: a reader knows that nobody is withheld who is not there."
    def one_each(fit):
        counts = pd.read_csv(fit/"counts.csv", dtype={"school": "str"})
        few = sorted(counts.school.unique())[:10]
        counts = counts[(counts.subject == counts.subject.min()) & (counts.year == counts.year.min()) | ~counts.school.isin(few)]
        counts.loc[counts.school.isin(few), "n_trials"] = 1
        counts["y_success"] = counts[["y_success", "n_trials"]].min(axis=1)
        counts.to_csv(fit/"counts.csv", index=False)
        total = counts.groupby("school").agg(n=("n_trials", "sum"), y=("y_success", "sum"))
        schools = pd.read_csv(fit/"schools.csv", dtype={"school": "str"})
        schools["n_trials"] = schools.school.map(total.n)
        schools["raw"] = schools.school.map(total.y/total.n)
        schools.to_csv(fit/"schools.csv", index=False)

    known = collected(released(tmp_path, 7, POLICIES[0], 1, 14, change=one_each))
    assert sum(n is None for k, (n, _) in known.items() if k[0] == "cell") > 10
    found, _ = attacked(known)
    assert not found, found[:5]


def test_the_attacker_finds_what_can_be_found():
    "By hand: eight of 48; and a coded share that margins narrow to one count."
    known = {("cell", "d", "a", "Math", "1"): (None, (0, 1)), ("cell", "d", "b", "Math", "1"): (40, (.4995, .5005)), ("district", "d", "Math", "1"): (48, (.52, .522))}
    found, count = attacked(known)
    assert count == 3 and [(what, low, high) for _, what, low, high in found] == [("n", 8, 8), ("y", 5, 5), ("n - y", 3, 3)]
    known = {("cell", "d", "a", "Math", "1"): (20, (.85, 1)), ("cell", "d", "b", "Math", "1"): (40, (.4995, .5005)), ("district", "d", "Math", "1"): (60, (.6499, .6501))}
    assert attacked(known)[0] == [(("cell", "d", "a", "Math", "1"), "y", 19, 19)]
