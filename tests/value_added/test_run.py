"One verdict for all that is shown, and what the manifest keeps."

from types import SimpleNamespace

from schoolvar.data.counts import read_counts
from schoolvar.sampling.diagnostics import Diagnostics
from schoolvar.value_added.grades import prepare_two_grades
from schoolvar.value_added.run import gate, recorded


def verdict(ok, *messages):
    return Diagnostics(ok, "The chains agree." if ok else "They do not.", list(messages), None, {})


def test_what_is_shown_beside_the_method_counts_too():
    good, bad = verdict(True), verdict(False, "slope: R-hat 1.2")
    fine, failed = SimpleNamespace(ok=True), SimpleNamespace(ok=False, verdict="They do not.")
    assert gate(dict(joint=good, me=good), fine) is good
    beside = gate(dict(joint=good, me=bad), fine)
    assert not beside.ok and beside.messages == ["me beside it: slope: R-hat 1.2"]
    assert beside.verdict.startswith("The draws of this method pass, but")
    assert gate(dict(joint=good), failed).messages == ["Stage 1: They do not."]
    own = gate(dict(joint=bad, me=bad), failed)
    assert own.verdict == bad.verdict and len(own.messages) == 3


def test_the_manifest_names_every_choice(fit):
    kept = fit.manifest["settings"]
    assert list(kept)[:7] == [
        "from_grade",
        "to_grade",
        "method",
        "years",
        "subjects",
        "rules",
        "beside",
    ]
    assert kept["beside"] and kept["years"]["3"] == kept["years"]["6"] and kept["chains"] == 4


def test_settings_of_the_sampler_are_kept_where_they_were_given(simulated):
    two = prepare_two_grades(read_counts(simulated[0]))
    choices, given = (
        dict(method="me", compare_methods=False),
        dict(draws=50, warmup=None, cache=False),
    )
    kept = recorded(two, choices, given, 1, 4, 2, "auto")
    assert kept["draws"] == 50 and not {"warmup", "cache"} & set(kept) and not kept["beside"]
