"""docs/faults.md and the tests agree on which faults of others are shown not to be ours."""

from __future__ import annotations

import re

from proof_tables import ROOT, Row, docstrings
from proof_tables import rows as rows_of

SECTIONS = {"3": 29, "2.1.3": 19, "2.2": 14, "2.3": 6}
EXPECTED = [f"{section}-{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]

ID = re.compile(r"(?:3|2\.1\.3|2\.2|2\.3)-\d+")
NAMED = re.compile(rf"\bfault ({ID.pattern})\b", re.IGNORECASE)


def rows() -> list[Row]:
    return rows_of(ROOT / "docs" / "faults.md", ID)


def named_on_disk() -> dict[str, frozenset[str]]:
    """Return the faults that each test's docstring names."""
    return {name: frozenset(NAMED.findall(said.test)) for name, said in docstrings().items()}


def test_the_table_has_every_fault_once_and_in_order() -> None:
    assert [row.id for row in rows()] == EXPECTED
    assert [row.id for row in rows() if not row.what] == []


def test_a_fault_is_shown_by_tests_or_planned() -> None:
    assert [row.id for row in rows() if row.state not in {"shown", "planned"}] == []
    assert [row.id for row in rows() if (row.state == "shown") != bool(row.tests)] == []


def test_every_test_in_the_table_exists_and_names_its_fault() -> None:
    named = named_on_disk()
    listed = [(row.id, name) for row in rows() for name in row.tests]

    assert [entry for entry in listed if entry[1] not in named] == []
    assert [(id_, name) for id_, name in listed if id_ not in named[name]] == []


def test_what_tests_show_is_not_called_planned() -> None:
    planned = {row.id for row in rows() if row.state == "planned"}
    assert [(name, shown & planned) for name, shown in named_on_disk().items() if shown & planned] == []
