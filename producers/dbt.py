"""The context of dbt: queries that code run by dbt asks are told with its invocation and its node.

Nothing is instrumented and nothing of dbt is needed; dbt's own objects are read and never written.
"""

from __future__ import annotations

import sys
from typing import Any

from lineage import context
from lineage._guard import guard
from producers._contexts import read, text_of

__all__ = ["use_dbt_context"]

_NODE = ("unique_id", "name", "resource_type", "package_name")


def use_dbt_context(dbt: Any) -> context.Use:
    """Tell queries inside with the dbt invocation and node that they are asked for, as a context manager.

    `dbt` is the first argument of a Python model, the context of a macro, or any mapping or object with some
    of `invocation_id`, `node` or `model`, `this` and `target`. The invocation's id becomes the job id; the
    node's unique id, else the relation `this`, the operation. They and the node's name, resource type and
    package and the target's name are attributes too, under `dbt.`; what is not there is left out.

    A Python model knows no invocation: where dbt runs it in its own process, dbt is asked. Nothing raises.
    """
    node = read(dbt, "node") or read(dbt, "model")
    invocation = text_of(read(dbt, "invocation_id")) or _invocation_of_this_process()
    this = _relation(read(dbt, "this"))
    target = read(dbt, "target")
    attributes = {
        "dbt.invocation_id": invocation,
        **{f"dbt.node.{name}": text_of(read(node, name)) for name in _NODE},
        "dbt.this": this,
        "dbt.target.name": target if isinstance(target, str) else text_of(read(target, "name")),
    }
    known = {name: value for name, value in attributes.items() if value}
    return context.use(operation=known.get("dbt.node.unique_id") or this, job_id=invocation, attributes=known)


def _relation(this: Any) -> str | None:
    """Return a relation's dotted name, which its text has with the quotes of the database."""
    parts = [text_of(read(this, part)) for part in ("database", "schema", "identifier")]
    return ".".join(part for part in parts if part) or text_of(this)


def _invocation_of_this_process() -> str | None:
    """Return the id of the invocation in whose process this runs; importing dbt to ask would take long."""
    asked = read(sys.modules.get("dbt_common.invocation"), "get_invocation_id")
    invocation = None
    with guard("reading dbt's context"):
        invocation = asked() if callable(asked) else None
    return text_of(invocation)
