"""What may be declared, and what a wrong declaration is told."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from graph.errors import InvalidQueryError
from graph.queries import expectations_of

WRONG = [
    ("[jobs]", "jobs: there is no such key here; keys are dataset, job"),
    ('job = "x"', "job is 'x': input should be a valid dictionary"),
    ('[dataset.""]\nrows = {min = 1}', "dataset.\"\" is '': a name is empty: give that of a dataset or job"),
    ('[dataset."a.b"]\nread = []', 'dataset."a.b".read: there is no such key here; keys are fed_by, '),
    ("[dataset.a]\nfed_by = 3", "dataset.a.fed_by is 3: input should be a valid list"),
    ("[dataset.a]\nfed_by = ['b', '']", "dataset.a.fed_by.1 is '': a name is empty"),
    ("[dataset.a]\nrows = {}", "dataset.a.rows is {}: give min, max or both"),
    ("[dataset.a]\nrows = {min = 2, max = 1}", "min is more than max: exchange them"),
    (
        "[dataset.a]\nrows = {min = -1}",
        "dataset.a.rows.min is -1: input should be greater than or equal to 0",
    ),
    ("[dataset.a]\nrows = {min = true}", "dataset.a.rows.min is True: input should be a valid integer"),
    ("[dataset.a]\nrows = {least = 1}", "dataset.a.rows.least: there is no such key here; keys are min, max"),
    ("[dataset.a]\ncolumns = ['x']", "dataset.a.columns is ['x']: input should be a valid dictionary"),
    ("[job.a]\nevery = '1 day'", "job.a.every is '1 day': give a number and a unit, such as \"30m\""),
    ("[job.a]\nevery = '0h'", "job.a.every is '0h'"),
    ("[job.a]\nby = '25:00'", "job.a.by is '25:00': give a time of the day in hours and minutes"),
    (
        "[job.a]\nby = '06:00'\ntime_zone = 'Atlantis'",
        "job.a.time_zone is 'Atlantis': give a time zone by its",
    ),
    ("[job.a]\ndays = ['Monday']", "job.a.days.0 is 'Monday': days are mon, tue, wed, thu, fri, sat, sun"),
    ("[job.a]\ndays = []", "days are empty: give some of mon"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_named_with_its_key_and_value_and_what_to_do(text: str, said: str) -> None:
    """PV-29: a mistyped key is no expectation that always holds."""
    with pytest.raises(InvalidQueryError) as error:
        expectations_of(tomllib.loads(text))
    assert said in str(error.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidQueryError) as error:
        expectations_of({"dataset": {"a": {"rows": {"min": "x"}}}, "job": {"b": {"every": 3}}, "more": 1})
    assert len(str(error.value).split("\n")) == 3


@pytest.mark.parametrize("told", [None, [], "x", 3])
def test_what_is_no_object_declares_nothing(told: Any) -> None:
    with pytest.raises(InvalidQueryError, match="the file is "):
        expectations_of(told)
