"""Inputs and outputs as declared: names, datasets, templates over the call's arguments, callables."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from lineage._guard import guard
from lineage.datasets import Dataset
from lineage.errors import ConfigError
from lineage.settings import TIERS, tier
from lineage.tracking.run import DatasetLike

Declared: TypeAlias = DatasetLike | Callable[..., Any]
"""One declared dataset; a callable gets the call's arguments and returns one dataset or several."""


def as_declarations(given: Declared | Iterable[Declared]) -> tuple[Declared, ...]:
    """Return what was declared as a tuple; a single name, dataset or callable stands for itself."""
    if isinstance(given, str | os.PathLike | Dataset) or callable(given):
        return (given,)
    return tuple(given)


def as_tier(provenance: str | None) -> str | None:
    """Return the name of a tier, or None for the configured one; ConfigError for anything else."""
    try:
        return None if provenance is None else tier(provenance)
    except (AttributeError, ValueError):
        raise ConfigError(
            "provenance", provenance, "track_lineage() or track_run()", f"give {', '.join(TIERS)}"
        ) from None


def as_names(parameters: Iterable[str]) -> tuple[str, ...]:
    """Return names of parameters as a tuple; a single name stands for itself."""
    return (parameters,) if isinstance(parameters, str) else tuple(parameters)


def named_arguments(
    signature: inspect.Signature | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yield name and value of a call's arguments, defaults included, but for the object of a method."""
    if signature is None:
        return
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    for place, (name, value) in enumerate(bound.arguments.items()):
        if place == 0 and name in ("self", "cls"):
            continue
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            yield from value.items()
        else:
            yield name, value


def resolve(
    declared: Iterable[Declared],
    signature: inspect.Signature | None,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> list[DatasetLike]:
    """Return the datasets that these declarations name for this call.

    One that cannot be resolved (an argument that is not there, a callable that raises) is left out,
    told once, and leaves the others alone.
    """
    found: list[DatasetLike] = []
    for one in declared:
        with guard("resolving a declared dataset"):
            if isinstance(one, str):
                found.append(_filled(one, signature, args, kwargs))
            elif callable(one):
                given: DatasetLike | Iterable[DatasetLike] = one(*args, **kwargs)
                found.extend((given,) if isinstance(given, str | os.PathLike | Dataset) else given)
            else:
                found.append(one)
    return found


def _filled(
    template: str, signature: inspect.Signature | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> str:
    if "{" not in template or signature is None:
        return template
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return template.format_map(bound.arguments)
