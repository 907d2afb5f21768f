"""What is declared: edges, schemas, amounts, times and readers. docs/checking.md has the keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from graph.errors import InvalidQueryError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(:00)?")


def _name(text: str) -> str:
    if not text.strip():
        raise ValueError("a name is empty: give that of a dataset or job")
    return text


def _duration(told: object) -> object:
    if (
        isinstance(told, str)
        and (found := re.fullmatch(r"(\d{1,5})([mhdw])", told.strip()))
        and int(found[1])
    ):
        return int(found[1]) * _UNITS[found[2]]
    raise ValueError('give a number and a unit, such as "30m", "24h", "7d"')


def _clock(told: object) -> object:
    if isinstance(told, str) and (found := _CLOCK.fullmatch(told.strip())):
        return time(int(found[1]), int(found[2]))
    raise ValueError('give a time of the day in hours and minutes, such as "06:30"')


def _zone(told: str) -> str:
    try:
        ZoneInfo(told)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('give a time zone by its name, such as "Europe/Berlin" or "UTC"') from None
    return told


def _day(told: str) -> str:
    if told.lower() not in DAYS:
        raise ValueError(f"days are {', '.join(DAYS)}")
    return told.lower()


Names = list[Annotated[str, AfterValidator(_name)]]
Count = Annotated[int, Field(ge=0, strict=True)]


class _Part(BaseModel):
    """A part of the file: keys that it does not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rows(_Part):
    """How many rows a run writes, from `min` to `max`."""

    min: Count | None = None
    max: Count | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Rows:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is more than max: exchange them")
        return self


class DatasetExpectation(_Part):
    """What is declared of a dataset. `fed_by` is one hop, `made_from` any number of them."""

    fed_by: Names = []
    not_fed_by: Names = []
    made_from: Names = []
    not_made_from: Names = []
    readers: Names | None = None
    columns: dict[Annotated[str, AfterValidator(_name)], str] | None = None
    other_columns: bool = True
    rows: Rows | None = None


class JobExpectation(_Part):
    """What is declared of a job: `by` is in the `time_zone`, on the `days`."""

    reads: Names = []
    not_reads: Names = []
    writes: Names = []
    not_writes: Names = []
    every: Annotated[timedelta, BeforeValidator(_duration)] | None = None
    by: Annotated[time, BeforeValidator(_clock)] | None = None
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    days: list[Annotated[str, AfterValidator(_day)]] = list(DAYS)

    @model_validator(mode="after")
    def _has_days(self) -> JobExpectation:
        if not self.days:
            raise ValueError(f"days are empty: give some of {', '.join(DAYS)}, or leave the key out")
        return self


class Expectations(_Part):
    """All that is declared, by the names of datasets and jobs."""

    dataset: dict[Annotated[str, AfterValidator(_name)], DatasetExpectation] = {}
    job: dict[Annotated[str, AfterValidator(_name)], JobExpectation] = {}


def expectations_of(told: object) -> Expectations:
    """Return the expectations in a decoded TOML or JSON value.

    Raises InvalidQueryError that names each wrong key, its value and what to do.
    """
    try:
        return Expectations.model_validate(told)
    except ValidationError as error:
        raise InvalidQueryError("\n".join(map(_problem, error.errors()))) from None


def _problem(told: Mapping[str, Any]) -> str:
    """Say where a value is wrong, what it is, and what it should be."""
    where = [part for part in told["loc"] if part != "[key]"]
    if told["type"] == "extra_forbidden":
        known = ", ".join(_keys_at(where[:-1]))
        return f"{_path(where)}: there is no such key here; keys are {known}"
    what = told["msg"].removeprefix("Value error, ")
    return f"{_path(where)} is {_shown(told['input'])}: {what[0].lower()}{what[1:]}"


def _keys_at(where: list[Any]) -> list[str]:
    match where:
        case []:
            model: type[BaseModel] = Expectations
        case ["dataset", _]:
            model = DatasetExpectation
        case ["job", _]:
            model = JobExpectation
        case _:
            model = Rows
    return list(model.model_fields)


def _path(where: list[Any]) -> str:
    """Return a place as it is written in TOML."""
    if not where:
        return "the file"
    parts = [str(part) if re.fullmatch(r"[\w-]+", str(part)) else f'"{part}"' for part in where]
    return ".".join(parts)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
