"""docs/semantics.md names tests that are there."""

from __future__ import annotations

import re

from proof_tables import ROOT, Row, docstrings
from proof_tables import rows as rows_of

ROW_ID = re.compile(r"\bS-\d\d\b")


def rows() -> list[Row]:
    return rows_of(ROOT / "docs" / "semantics.md", ROW_ID)


def test_the_rows_are_numbered_in_order() -> None:
    assert [row.id for row in rows()] == [f"S-{number:02}" for number in range(1, len(rows()) + 1)]
    assert len(rows()) > 20


def test_a_sentence_is_proven_by_tests_that_exist_or_planned() -> None:
    known = docstrings()
    assert [name for row in rows() for name in row.tests if name not in known] == []
    assert [
        row.id for row in rows() if (row.state, bool(row.tests)) not in {("proven", True), ("planned", False)}
    ] == []
