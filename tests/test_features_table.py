"""docs/features.md and the tests agree on what is proven."""

from __future__ import annotations

import re
from dataclasses import dataclass

from proof_tables import ROOT, Row, docstrings
from proof_tables import rows as rows_of

SECTIONS = {"DC": 60, "BT": 29, "DR": 21, "PV": 45, "DD": 26}
EXPECTED = [f"{section}-{number:02}" for section, count in SECTIONS.items() for number in range(1, count + 1)]

ROW_ID = re.compile(rf"\b(?:{'|'.join(SECTIONS)})-\d\d\b")
OPENING = re.compile(rf"({ROW_ID.pattern}(?:, {ROW_ID.pattern})*):")


@dataclass(frozen=True)
class Proof:
    """A test: the rows its docstring starts with, and those it or its module's docstring mentions."""

    proves: frozenset[str]
    mentions: frozenset[str]


def rows() -> list[Row]:
    return rows_of(ROOT / "docs" / "features.md", ROW_ID)


def proofs_on_disk() -> dict[str, Proof]:
    found = {}
    for name, said in docstrings().items():
        opening = OPENING.match(said.test)
        found[name] = Proof(
            proves=frozenset(ROW_ID.findall(opening.group(1)) if opening else ()),
            mentions=frozenset(ROW_ID.findall(f"{said.module}\n{said.test}")),
        )
    return found


def test_the_table_has_every_row_once_and_in_order() -> None:
    assert [row.id for row in rows()] == EXPECTED
    assert [row.id for row in rows() if not row.what] == []


def test_a_row_is_proven_by_tests_or_planned_or_not_done_for_a_reason() -> None:
    assert [row.id for row in rows() if row.state not in {"proven", "planned", "not done"}] == []
    assert [row.id for row in rows() if row.state == "not done" and "](decisions/" not in row.what] == []
    assert [row.id for row in rows() if row.state == "proven" and not row.tests] == []


def test_every_test_in_the_table_exists_and_names_its_row() -> None:
    proofs = proofs_on_disk()
    listed = [(row.id, name) for row in rows() for name in row.tests]

    assert [entry for entry in listed if entry[1] not in proofs] == []
    assert [(id_, name) for id_, name in listed if id_ not in proofs[name].mentions] == []


def test_every_test_whose_docstring_starts_with_a_row_stands_in_that_row() -> None:
    listed = {row.id: row.tests for row in rows()}
    missing = [
        f"{id_}: `{name}`"
        for name, proof in proofs_on_disk().items()
        for id_ in sorted(proof.proves)
        if name not in listed.get(id_, ())
    ]

    assert not missing, "add to docs/features.md:\n" + "\n".join(missing)
