"Calibration in small: ranks lie in wide bands, what is stated comes true, a wrong fit is seen."

import importlib

import pandas as pd
import pytest

from schoolvar.calibration.sbc import calibration_table, reliability, share_by_set, study_rows
from schoolvar.calibration.studies import STUDIES

pytestmark = pytest.mark.filterwarnings("ignore")
SETS = 5


@pytest.fixture(scope="module")
def found():
    "A few data sets of each study, drawn by other seeds than the stored ones"
    return {k: study_rows(s.simulate, s.fit, SETS, 77) for k, s in STUDIES.items()}


def test_every_family_has_a_study():
    assert set(STUDIES) == {"consistency", "covariates", "wrong_rate", "M1", "M2", "M3", "joint"}


def test_ranks_lie_in_wide_bands(found):
    "Five data sets see gross faults only: a posterior that is an SD off, or half as wide."
    for name, (ranks, _) in found.items():
        if not len(ranks):
            continue
        t = calibration_table(ranks, prob=0.999)
        assert t.inside.all(), f"{name}\n{t[~t.inside]}"
        assert "log likelihood" in set(t.quantity) or name in ("covariates", "joint")


def test_statements_come_true(found):
    stated = pd.concat([s.assign(study=k) for k, (_, s) in found.items() if k != "wrong_rate"])
    ends = stated.dropna(subset="lower")
    for (study, statement), g in ends.groupby(["study", "statement"]):
        held = share_by_set((g.lower <= g.truth) & (g.truth <= g.upper), g.data_set)
        assert held.share > 0.86, (study, statement, held.share)
    pips = stated.dropna(subset="probability")
    assert reliability(
        pips.probability,
        pips.truth,
        bins=5,
        prob=0.9999,
        data_set=pips.study + pips.data_set.astype(str),
    ).inside.all()


def test_a_wrong_inclusion_rate_is_seen(found):
    s = found["wrong_rate"][1]
    half = s[s.statement == "PIP, one half"]
    assert half.probability.mean() - half.truth.mean() > 0.25


def test_a_wrong_posterior_leaves_the_band():
    "M1 with its draws spoiled: shifted by one posterior SD, or a third as wide."
    from schoolvar.calibration.counts import simulate_achievement

    def simulate(rng):
        data, truth = simulate_achievement(rng, "M1")
        return data, dict.fromkeys(("right", "shifted", "narrow"), truth["sd_school"])

    def spoiled(data, seed):
        x = STUDIES["M1"].fit(data, seed)["sd_school"]
        return {"right": x, "shifted": x + x.std(), "narrow": x.mean() + (x - x.mean()) / 3}

    t = calibration_table(study_rows(simulate, spoiled, 24, 78)[0], prob=0.99).set_index("quantity")
    assert t.inside.to_dict() == {"right": True, "shifted": False, "narrow": False}, t


def test_a_run_goes_on_where_it_stopped_and_is_stored(tmp_path, monkeypatch, capsys):
    "Blocks are kept; a second run makes none; the stored study holds what was stated."
    validate = importlib.import_module("validate")
    monkeypatch.setattr(validate, "PARTS", tmp_path / "parts")
    folder = tmp_path / "parts" / "M1"
    validate.block(folder, "M1", 0)
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    validate.block(folder, "M1", 0)
    assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == before
    validate.store("M1", folder, 10, tmp_path / "stored")
    from schoolvar.calibration.stored import load_summary

    tables, manifest = load_summary(tmp_path / "stored" / "sbc_m1")
    assert (
        manifest["settings"]["sets"] == 10
        and set(tables) == {"ranks", "stated"}
        and tables["ranks"]["rank"].between(0, 99).all()
    )
    assert (
        set(tables["stated"].statement) == {"interval of the effect", "interval of the rank"}
        and tables["stated"].true.mean() > 0.8
    )
    one = study_rows(
        STUDIES["M1"].simulate, STUDIES["M1"].fit, 1, manifest["settings"]["seed"], first=7
    )[0]["rank"]
    assert one.tolist() == tables["ranks"].query("data_set == 7")["rank"].tolist(), (
        "a data set can be repeated alone by its seed"
    )


def test_studies_share_no_random_numbers():
    validate = importlib.import_module("validate")
    assert len(set(validate.SEEDS.values())) == len(validate.SEEDS) and set(validate.SEEDS) == set(
        STUDIES
    ) == set(validate.MADE_BY)
