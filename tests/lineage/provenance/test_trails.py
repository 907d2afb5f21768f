"""Two trails: what differs by name, and what could not be compared."""

from __future__ import annotations

from typing import Any

from lineage.provenance.parameters import digest
from lineage.provenance.trails import Difference, Trail, compare, is_digest_of

KEY, OTHER = bytes(32), bytes(31) + b"1"
HASH, CHANGED = (f"bytes-sha256:{digit * 64}" for digit in "01")


def trail(root: str = "/a", **told: Any) -> Trail:
    found = {
        "code": {"commit": "c1", "dirty": False},
        "environment": {"python": "3.12", "packages": {"pandas": "2"}, "id": root},
        "command": {"argv": ["python", "load.py"], "root": root},
        "inputs": {("file", f"{root}/in"): {"contentHash": HASH, "fingerprint": root}},
        "outputs": {("file", f"{root}/out"): {"contentHash": HASH, "artifactId": root}},
    }
    return Trail(f"run in {root}", ("ns", "job"), told.pop("state", "COMPLETE"), **{**found, **told})


def differing(**told: Any) -> list[Difference]:
    return list(compare(trail(), trail("/b", **told), KEY).differences)


def test_ids_times_and_places_do_not_count() -> None:
    """PV-21: tolerated are the differences between any two runs of the same."""
    found = compare(trail(), trail("/b"), KEY)
    assert (found.differences, found.unknown) == ((), ())


def test_each_difference_is_named_with_both_sides() -> None:
    """PV-21: by kind and name."""
    assert differing(code={"commit": "c2", "dirty": False}) == [Difference("code", "commit", "c1", "c2")]
    dirty = {"commit": "c1", "dirty": True, "diffHash": "value-1"}
    assert differing(code=dirty) == [Difference("code", "what differs from the commit", "nothing", "value-1")]
    packages = {"python": "3.13", "packages": {"pandas": "3", "new": "1"}, "lockFile": {"hash": "h"}}
    assert [(one.kind, one.name, one.before, one.after) for one in differing(environment=packages)] == [
        ("environment", "Python", "3.12", "3.13"),
        ("environment", "lock file", None, "h"),
        ("package", "new", None, "1"),
        ("package", "pandas", "2", "3"),
    ]
    seeds = {"python": "3.12", "packages": {"pandas": "2"}, "seeds": {"numpy": "1"}}
    assert differing(environment=seeds) == [Difference("seed", "numpy", None, "1")]
    assert differing(state="FAIL", outputs={}) == [
        Difference("output", "out", "written", None),
        Difference("run", "state", "COMPLETE", "FAIL"),
    ]
    assert differing(error="ValueError") == [Difference("run", "error", None, "ValueError")]
    inputs = {("file", "/b/in"): {"contentHash": CHANGED}, ("s3://lake", "x"): {}}
    assert differing(inputs=inputs) == [
        Difference("input", "in", HASH, CHANGED),
        Difference("input", "s3://lake x", None, "read"),
    ]
    argv = {"argv": ["python", "-O", "load.py"], "root": "/b"}
    assert differing(command=argv) == [Difference("code", "command", "load.py", "-O load.py")]


def test_what_has_no_hash_is_named_as_not_compared() -> None:
    """PV-21: reproduced says no more than what was compared."""
    tables = {("postgres://h:5432", "shop.mart.orders"): {}}
    found = compare(trail(outputs=tables, code={}), trail("/b", outputs=tables, code={}), KEY)
    assert found.differences == ()
    assert {(kind, name) for kind, name, _ in found.unknown} == {
        ("output", "postgres://h:5432 shop.mart.orders"),
        ("code", "commit"),
    }


def parameters(before: Any, after: Any, kind: str = "str") -> tuple[list[str], list[str]]:
    types = {"p": kind}
    found = compare(
        trail(parameters={"p": before}, types=types), trail("/b", parameters={"p": after}, types=types), KEY
    )
    return [one.name for one in found.differences], [name for _, name, _ in found.unknown]


def test_a_value_is_held_against_a_digest_where_the_key_is_known() -> None:
    """PV-21: an allow-list that has changed is no difference of the parameter."""
    assert parameters("eu", digest("eu", KEY)) == ([], [])
    assert parameters("eu", digest("us", KEY)) == (["p"], [])
    assert parameters("3", digest(3, KEY), "int") == ([], [])
    assert parameters("True", digest(True, KEY), "bool") == ([], [])
    assert parameters(digest("eu", OTHER), digest("eu", KEY)) == ([], ["p"])
    assert parameters(None, None) == ([], ["p"])
    assert parameters(None, "eu") == ([], ["p"])
    one_side = compare(trail(parameters={"p": "1"}), trail("/b"), KEY)
    assert one_side.differences == (Difference("parameter", "p", "given", None),)


def test_a_digest_is_checked_in_every_type_that_text_may_mean() -> None:
    for value, text in (("1", "1"), (1, "1"), (1.5, "1.5"), (True, "True"), ("", "")):
        assert is_digest_of(digest(value, KEY), text, KEY) is True
    assert is_digest_of(digest("1", KEY), "2", KEY) is False
    assert is_digest_of(digest("1", OTHER), "1", KEY) is None
    assert is_digest_of("plain", "plain", KEY) is None
