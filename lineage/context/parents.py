"""A run as other processes are told of it: OPENLINEAGE_CONTEXT, and the older OPENLINEAGE_PARENT_ID.

OPENLINEAGE_CONTEXT is JSON: `{"parent": {"run": {"runId"}, "job": {"namespace", "name"}, "root": {...}}}`.
The older ids are `namespace/name/runId`; namespaces contain slashes, so they are read from the right.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from lineage.context.runs import ActiveRun, RemoteRun, RunIdentity

CONTEXT = "OPENLINEAGE_CONTEXT"
PARENT_ID = "OPENLINEAGE_PARENT_ID"
ROOT_PARENT_ID = "OPENLINEAGE_ROOT_PARENT_ID"

MAX_CHARACTERS = 8_192
"""Longer values are neither written nor read: headers of this size are refused on the way."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEADER = re.compile(r"[\x20-\x7e]+")


def run_texts(run: ActiveRun) -> dict[str, str]:
    """Return a run in each of the forms that fit, by the name of the form."""
    parent = {**_json(run.identity), "root": _json(run.root)}
    texts = {
        CONTEXT: json.dumps({"parent": parent}, separators=(",", ":")),
        PARENT_ID: _joined(run.identity),
        ROOT_PARENT_ID: _joined(run.root),
    }
    return {
        name: text
        for name, text in texts.items()
        if len(text) <= MAX_CHARACTERS and _HEADER.fullmatch(text) is not None
    }


def read_run(texts: Mapping[str, str]) -> RemoteRun | None:
    """Return the run that the texts tell of, the JSON before the ids; None where they tell of none."""
    return _from_json(texts.get(CONTEXT, "")) or _from_ids(
        texts.get(PARENT_ID, ""), texts.get(ROOT_PARENT_ID, "")
    )


@lru_cache(maxsize=1)
def process_parent() -> RemoteRun | None:
    """Return the run that started this process, as its environment says; read once.

    A scheduler's task sets these variables for what it starts. They stay true of forked children.
    """
    return read_run(os.environ)


def _json(identity: RunIdentity) -> dict[str, Any]:
    return {
        "run": {"runId": identity.run_id},
        "job": {"namespace": identity.job_namespace, "name": identity.job_name},
    }


def _joined(identity: RunIdentity) -> str:
    return f"{identity.job_namespace}/{identity.job_name}/{identity.run_id}"


def _from_json(text: str) -> RemoteRun | None:
    if not 0 < len(text) <= MAX_CHARACTERS:
        return None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    parent = _of(said, "parent")
    run = _identity(parent)
    return RemoteRun(run, _identity(_of(parent, "root"))) if run is not None else None


def _identity(node: Any) -> RunIdentity | None:
    job = _of(node, "job")
    return _checked(_of(_of(node, "run"), "runId"), _of(job, "namespace"), _of(job, "name"))


def _of(node: Any, key: str) -> Any:
    return node.get(key) if isinstance(node, dict) else None


def _from_ids(parent: str, root: str) -> RemoteRun | None:
    run = _split(parent)
    return RemoteRun(run, _split(root)) if run is not None else None


def _split(text: str) -> RunIdentity | None:
    parts = text.strip().rsplit("/", 2) if len(text) <= MAX_CHARACTERS else []
    return _checked(parts[2], parts[0], parts[1]) if len(parts) == 3 else None


def _checked(run_id: Any, namespace: Any, name: Any) -> RunIdentity | None:
    """Return the identity when it can stand in an event: a run's id is a UUID there."""
    parts = (run_id, namespace, name)
    if not all(isinstance(part, str) and part for part in parts) or _UUID.fullmatch(run_id) is None:
        return None
    return RunIdentity(run_id, namespace, name)
