"""Runs, assets and queries of Dagster; and the bridge that says for which asset or op a query is.

`use_dagster_context` needs no Dagster. What is of Dagster's own making, the hooks and `LineageResource`, is
loaded when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lineage import context
from lineage._guard import guard
from producers._contexts import read, text_of

if TYPE_CHECKING:
    from producers._dagster_resource import LineageResource
    from producers._dagster_runs import PRODUCER

__all__ = ["PRODUCER", "LineageResource", "use_dagster_context"]

_HOMES = {"PRODUCER": "producers._dagster_runs", "LineageResource": "producers._dagster_resource"}
_TAGS = guard("reading the tags of a Dagster run")


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def use_dagster_context(dagster_context: Any, *, include_run_tags: bool = False) -> context.Use:
    """Tell queries inside with the Dagster run and the asset or op that they are asked for.

    A context manager. `dagster_context` is the first argument of an asset, an op or a check, or any object or
    mapping with some of `run` or `run_id`, `job_name`, `op_def` or `op`, `asset_key` and `partition_key`. The
    run's id becomes the job id; the asset's key, else the op's name, the operation. They, the job's name and
    the partition are attributes too, under `dagster.`; what is not there is left out. With `include_run_tags`
    so are the run's tags, as `dagster.run_tags.NAME`. Nothing raises, and nothing of Dagster's is written.
    """
    inner = read(dagster_context, "op_execution_context") or dagster_context
    run = read(inner, "run")
    run_id = text_of(read(run, "run_id") or read(inner, "run_id"))
    definition = read(inner, "op_def") or read(inner, "op")
    known = attributes_of(
        run_id=run_id,
        job_name=text_of(read(inner, "job_name") or read(run, "job_name")),
        op_name=text_of(read(definition, "name") or read(inner, "op_name")),
        asset_key=_asset_key(inner),
        partition_key=_partition_key(inner),
    )
    tags = read(run, "tags") or read(inner, "run_tags")
    if include_run_tags and isinstance(tags, Mapping):
        with _TAGS:
            known |= {f"dagster.run_tags.{name}": str(value) for name, value in tags.items()}
    return use(known)


def attributes_of(**known: str | None) -> dict[str, str]:
    """Return what is known of a step as attributes of its queries."""
    return {f"dagster.{name}": value for name, value in known.items() if value}


def use(attributes: dict[str, str]) -> context.Use:
    """Tell queries inside with a step's attributes, as a context manager and as a decorator."""
    operation = attributes.get("dagster.asset_key") or attributes.get("dagster.op_name")
    return context.use(operation=operation, job_id=attributes.get("dagster.run_id"), attributes=attributes)


def key_text(key: Any) -> str | None:
    """Return an asset's key as Dagster shows it: its parts joined by slashes."""
    path = read(key, "path")
    return "/".join(map(str, path)) if isinstance(path, list | tuple) else text_of(key)


def _asset_key(of: Any) -> str | None:
    """Return the key of the one asset that a context is for; of several none is more right than another."""
    if read(of, "has_assets_def") is None:
        return key_text(read(of, "asset_key"))
    keys = read(of, "selected_asset_keys") if read(of, "has_assets_def") else None
    return key_text(*keys) if isinstance(keys, Set) and len(keys) == 1 else None


def _partition_key(of: Any) -> str | None:
    """Return the one partition that a context is for."""
    if read(of, "has_partition_key") is False:
        return None
    return text_of(read(of, "partition_key"))
