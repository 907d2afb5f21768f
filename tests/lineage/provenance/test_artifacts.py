"""Ids of artifacts, and names and types as versions of a schema."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.datasets import Field
from lineage.errors import ContentError
from lineage.provenance import artifact_id, hash_value, schema_version

PART = st.none() | st.text(max_size=4)
CONTENTS = st.sampled_from([hash_value(number) for number in range(3)])
PARTS = st.tuples(CONTENTS, PART, PART)


@given(PARTS, PARTS)
def test_an_artifact_has_another_id_when_content_schema_or_environment_changes(
    one: tuple[str, str | None, str | None], other: tuple[str, str | None, str | None]
) -> None:
    """PV-18: each of the three alone, and no text moves from one to the next."""
    ids = [artifact_id(c, schema_version=s, environment_id=e) for c, s, e in (one, other)]

    assert (ids[0] == ids[1]) == (one == other)
    assert all(re.fullmatch(r"artifact-sha256:[0-9a-f]{64}", id) for id in ids)


def test_what_is_absent_is_not_empty_and_no_text_moves() -> None:
    """("a", "bc") is not ("ab", "c")."""
    content = hash_value(1)
    schemas_and_environments = [
        ("a", "bc"),
        ("ab", "c"),
        ("abc", ""),
        ("abc", None),
        (None, "abc"),
        ("", "abc"),
    ]

    ids = {artifact_id(content, schema_version=s, environment_id=e) for s, e in schemas_and_environments}
    assert len(ids) == len(schemas_and_environments)


def test_making_the_same_again_gives_the_same_artifact() -> None:
    """PV-08: the time and the attempt are told beside the id, and are not in it."""
    assert artifact_id(hash_value([1, "a"])) == artifact_id(hash_value([1, "a"]))


@pytest.mark.parametrize("text", ["", "abc", "sha256:" + "0" * 64, "table-sha256:" + "0" * 63, None, 5])
def test_text_that_is_no_content_hash_makes_no_artifact(text: object) -> None:
    with pytest.raises(ContentError, match="is no content hash: one looks like"):
        artifact_id(text)  # type: ignore[arg-type]


def test_a_declared_schema_has_a_version_by_names_types_and_order() -> None:
    """PV-18: whichever way it is declared."""
    version = schema_version([("id", "BIGINT"), ("name", "TEXT")])

    assert schema_version({"id": "BIGINT", "name": "TEXT"}) == version
    assert schema_version([Field("id", "BIGINT"), Field("name", "TEXT", "for people")]) == version
    others = [
        [("name", "TEXT"), ("id", "BIGINT")],
        [("id", "INT"), ("name", "TEXT")],
        [("id", "BIGINT"), ("names", "TEXT")],
        [("id", "BIGINT")],
        ["id", "name"],
        [("id", ""), ("name", "")],
        [("idBIGINT", ""), ("name", "TEXT")],
        [Field("id", "BIGINT"), Field("name", "TEXT", fields=(Field("first"),))],
    ]
    assert len({version, *(schema_version(other) for other in others)}) == len(others) + 1


def test_hashes_without_tables_need_no_other_library() -> None:
    code = (
        "import sys; from lineage.provenance import *;"
        "import lineage.provenance.rows as rows;"
        "schema_version({'a': 'INT'}), artifact_id(hash_value({'a': 1})), hash_rows(['a'], [(1,)]);"
        "hash_file(rows.__file__);"
        "print(sorted({'pyarrow', 'pandas', 'numpy', 'polars', 'openlineage', 'sqlglot'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n"
