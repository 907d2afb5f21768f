"""Build a run's events and emit them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from openlineage.client.event_v2 import Job, JobEvent, Run, RunEvent, RunState

from lineage import facets as own
from lineage.encoding import encode
from lineage.events.facts import RunFacts
from lineage.events.io_datasets import input_dataset, output_dataset
from lineage.events.job_facets import job_facets
from lineage.events.run_facets import error_facet, run_facets
from lineage.events.sources import format_time, sources
from lineage.version import PRODUCER

_CLAIMS_OUTPUTS = {RunState.COMPLETE, RunState.RUNNING}


def run_event(
    facts: RunFacts,
    state: RunState,
    at: datetime,
    *,
    error: BaseException | None = None,
    partial: str | None = None,
) -> RunEvent:
    """Return the event that says the run is in `state` since `at`."""
    facets = run_facets(facts)
    if error is not None:
        facets["errorMessage"] = error_facet(error)
    if partial is not None:
        facets["lineageGraph_partial"] = own.LineageGraphPartialRunFacet(reason=partial, producer=PRODUCER)
    claims_outputs = state in _CLAIMS_OUTPUTS
    outputs = facts.outputs.values() if claims_outputs else ()
    return RunEvent(
        eventTime=format_time(at),
        eventType=state,
        producer=PRODUCER,
        run=Run(runId=facts.identity.run_id, facets=facets),
        job=Job(
            facts.identity.job_namespace,
            facts.identity.job_name,
            facets=job_facets(facts, claims_outputs=claims_outputs),
        ),
        inputs=[input_dataset(known) for known in list(facts.inputs.values())],
        outputs=[output_dataset(known) for known in list(outputs)],
    )


def emit(event: RunEvent | JobEvent, emitter: Any = None) -> None:
    """Hand an event over: to the outbox, or to `emitter` where one is given.

    `emitter` is any OpenLineage client or transport; it is called in the caller's thread.
    """
    if emitter is not None:
        emitter.emit(event)
        return
    sources.deliver(encode(event), event.run.runId if isinstance(event, RunEvent) else None)
