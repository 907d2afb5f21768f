"""docs/marquez.md names tests that are there, for every letter."""

from __future__ import annotations

import re
from string import ascii_uppercase

from proof_tables import ROOT, docstrings
from proof_tables import rows as rows_of

ROWS = rows_of(ROOT / "docs" / "marquez.md", re.compile(r"\bM-[A-Z]\b"))


def test_every_wish_is_there_in_order_and_shown() -> None:
    assert [row.id for row in ROWS] == [f"M-{letter}" for letter in ascii_uppercase[:13]]
    assert [row.id for row in ROWS if row.state != "shown" or not row.tests] == []


def test_the_tests_that_show_it_exist() -> None:
    known = docstrings()
    assert [name for row in ROWS for name in row.tests if name not in known] == []
