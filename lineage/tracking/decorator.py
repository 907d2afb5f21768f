"""`@track_lineage`: a run for each call of a function, whatever kind of function it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, overload

from lineage._calls import around_calls
from lineage.tracking.declared import Declared, as_declarations, as_names, as_tier, named_arguments, resolve
from lineage.tracking.lifecycle import JobSpec, TrackedRun, begin, job_name_of
from lineage.tracking.source import place_of

_F = TypeVar("_F", bound=Callable[..., Any])


@overload
def track_lineage(function: _F, /) -> _F: ...
@overload
def track_lineage(
    *,
    inputs: Declared | Iterable[Declared] = (),
    outputs: Declared | Iterable[Declared] = (),
    name: str | None = None,
    job_namespace: str | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    emitter: Any = None,
    provenance: str | None = None,
    parameters: Iterable[str] = (),
) -> Callable[[_F], _F]: ...
def track_lineage(
    function: Callable[..., Any] | None = None,
    /,
    *,
    inputs: Declared | Iterable[Declared] = (),
    outputs: Declared | Iterable[Declared] = (),
    name: str | None = None,
    job_namespace: str | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    emitter: Any = None,
    provenance: str | None = None,
    parameters: Iterable[str] = (),
) -> Any:
    """Emit OpenLineage events for each call of a function, method, coroutine function or generator.

    `inputs` and `outputs` name datasets: strings (URIs, paths, bare names), `Dataset`s, templates over
    the call's arguments (`"s3://lake/raw/{day}"`) or callables that get the same arguments. More can be
    said inside through `current_run()`. The job is called `name`, else `module.function`.
    `emitter` is an OpenLineage client or transport to use instead of the outbox.

    `provenance` is the tier of what is recorded of versions (off, essential or full) where it is not the
    configured one; in full, the arguments of each call are recorded, those named in `parameters` by their
    values. ConfigError for another tier.

    The function's results, exceptions and signature stay as they are.
    """

    def decorate(target: Any) -> Any:
        if isinstance(target, staticmethod | classmethod):
            return type(target)(decorate(target.__func__))
        job = JobSpec(
            name or job_name_of(target),
            job_namespace,
            dict(tags or {}),
            description,
            lambda: place_of(target),
            provenance=as_tier(provenance),
            parameters=as_names(parameters),
        )
        calls = _Calls(job, as_declarations(inputs), as_declarations(outputs), emitter, _signature(target))
        return around_calls(target, calls.begin)

    return decorate if function is None else decorate(function)


class _Calls:
    """The runs of one decorated function."""

    def __init__(
        self,
        job: JobSpec,
        inputs: tuple[Declared, ...],
        outputs: tuple[Declared, ...],
        emitter: Any,
        signature: inspect.Signature | None,
    ) -> None:
        self._job = job
        self._inputs = inputs
        self._outputs = outputs
        self._emitter = emitter
        self._signature = signature

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> TrackedRun:
        return begin(
            self._job,
            lambda: resolve(self._inputs, self._signature, args, kwargs),
            lambda: resolve(self._outputs, self._signature, args, kwargs),
            self._emitter,
            arguments=lambda: named_arguments(self._signature, args, kwargs),
        )


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some built-ins have none
        return None
