"What an option offers is what the library has: a format or a model in one place only is noticed."

import pytest

from schoolvar.cli import models, options, reporting


def names(choice):
    return [member.value for member in choice]


def test_formats_are_those_that_are_read():
    from schoolvar.data.formats import FORMATS

    assert names(options.Layout) == list(FORMATS)


def test_models_are_those_of_the_ladder():
    from schoolvar.achievement.ladder import EXTENSIONS, MODELS

    assert names(options.Model) == list(MODELS)
    assert names(models.Extra) == list(EXTENSIONS)


def test_methods_are_those_of_value_added():
    from schoolvar.value_added.methods import METHODS

    assert set(names(models.Method)) == set(METHODS)


def test_languages_are_those_of_the_labels():
    from schoolvar.report.labels import LANGUAGES

    assert names(reporting.Language) == list(LANGUAGES)


@pytest.mark.parametrize("group", [options.Reading, options.Sampling, models.CountsOfGrade])
def test_a_group_that_is_not_given_asks_for_nothing(group):
    "The library's own defaults hold; the seed is made, the format is the tidy one."
    asked = {name for name, value in group().given().items() if value is not None}
    assert asked <= {"engine", "seed", "format"}
