"""`with track_run(...)`: a run for a block of code."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from lineage.context import active_run
from lineage.tracking.declared import Declared, as_declarations, as_names, as_tier, resolve
from lineage.tracking.lifecycle import JobSpec, TrackedRun, begin
from lineage.tracking.run import Run


class track_run:  # noqa: N801 - used like a function
    """Emit OpenLineage events for a block: `with track_run("build_revenue") as run: ...`.

    `name` is the job's. `inputs` and `outputs` name datasets as in `track_lineage` (without
    templates); callables get no arguments. `provenance` and `parameters` are as there. The block gets the
    run's handle. `async with` works too, and the same object can be entered again: each time is a run.
    """

    def __init__(
        self,
        name: str,
        *,
        inputs: Declared | Iterable[Declared] = (),
        outputs: Declared | Iterable[Declared] = (),
        job_namespace: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
        emitter: Any = None,
        provenance: str | None = None,
        parameters: Iterable[str] = (),
    ) -> None:
        frame = sys._getframe(1)
        place = (frame.f_code.co_filename, frame.f_lineno)
        self._job = JobSpec(
            name,
            job_namespace,
            dict(tags or {}),
            description,
            lambda: place,
            provenance=as_tier(provenance),
            parameters=as_names(parameters),
        )
        self._inputs = as_declarations(inputs)
        self._outputs = as_declarations(outputs)
        self._emitter = emitter
        self._runs: list[TrackedRun] = []

    def __enter__(self) -> Run:
        run = begin(
            self._job,
            lambda: resolve(self._inputs, None, (), {}),
            lambda: resolve(self._outputs, None, (), {}),
            self._emitter,
        )
        self._runs.append(run)
        return run.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        current = active_run.get()
        # Tasks and threads that share this object leave in any order, each its own run.
        run = next((one for one in self._runs if one is current), self._runs[-1])
        self._runs.remove(run)
        run.__exit__(kind, error, trace)

    async def __aenter__(self) -> Run:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)
