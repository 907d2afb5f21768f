"""The run facets of an event, from what is known about the run."""

from __future__ import annotations

import os
import platform
import traceback
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from openlineage.client import facet_v2

from lineage import facets as own
from lineage.config import current_config
from lineage.context import RunIdentity
from lineage.context.traces import Trace
from lineage.events.facts import RunFacts
from lineage.redaction import redact_text, redact_url
from lineage.redaction.urls import HIDDEN, is_secret_key
from lineage.version import PRODUCER, VERSION


def run_facets(facts: RunFacts) -> dict[str, Any]:
    """Return the facets that a run has at any time."""
    made: dict[str, Any] = {"processing_engine": _engine_facet()}
    if facts.parent is not None:
        made["parent"] = _parent_facet(facts.parent, facts.root or facts.parent)
    if tags := joined_tags(facts.tags, current_config().openlineage.run_tags):
        fields = [
            facet_v2.tags_run.TagsRunFacetFields(key, value, source="USER") for key, value in tags.items()
        ]
        made["tags"] = facet_v2.tags_run.TagsRunFacet(tags=fields, producer=PRODUCER)
    if facts.statement_statistics:
        made["lineageGraph_outputStatistics"] = own.LineageGraphOutputStatisticsRunFacet(
            statistics=list(facts.statement_statistics.values()), producer=PRODUCER
        )
    return {**made, **facts.run_facets}


def joined_tags(said: Mapping[str, str], configured: Mapping[str, str]) -> dict[str, str]:
    """Return the tags said in code; a configured one with the same key (in any case) has the last word."""
    spelled = {key.lower(): key for key in said}
    return {**said, **{spelled.get(key.lower(), key): value for key, value in configured.items()}}


def environment_facet(
    names: Iterable[str],
) -> facet_v2.environment_variables_run.EnvironmentVariablesRunFacet:
    """Return the facet of the environment variables that are asked for by OpenLineage's configuration.

    What looks like a secret is hidden.
    """
    variables = facet_v2.environment_variables_run
    found = [
        variables.EnvironmentVariable(name, HIDDEN if is_secret_key(name) else redact_url(os.environ[name]))
        for name in names
        if name in os.environ
    ]
    return variables.EnvironmentVariablesRunFacet(environmentVariables=found, producer=PRODUCER)


def trace_facet(trace: Trace) -> own.LineageGraphTraceRunFacet:
    """Return the facet of the distributed trace that a run began in."""
    _, trace_id, span_id, flags = trace.parent.split("-")
    return own.LineageGraphTraceRunFacet(
        traceId=trace_id, spanId=span_id, traceFlags=flags, producer=PRODUCER
    )


@cache
def _engine_facet() -> facet_v2.processing_engine_run.ProcessingEngineRunFacet:
    return facet_v2.processing_engine_run.ProcessingEngineRunFacet(
        name=platform.python_implementation(),
        version=platform.python_version(),
        openlineageAdapterVersion=VERSION,
        producer=PRODUCER,
    )


def _parent_facet(parent: RunIdentity, root: RunIdentity) -> facet_v2.parent_run.ParentRunFacet:
    return facet_v2.parent_run.ParentRunFacet(
        run=facet_v2.parent_run.Run(runId=parent.run_id),
        job=facet_v2.parent_run.Job(namespace=parent.job_namespace, name=parent.job_name),
        root=facet_v2.parent_run.Root(
            run=facet_v2.parent_run.RootRun(runId=root.run_id),
            job=facet_v2.parent_run.RootJob(namespace=root.job_namespace, name=root.job_name),
        ),
        producer=PRODUCER,
    )


def error_facet(error: BaseException) -> facet_v2.error_message_run.ErrorMessageRunFacet:
    """Return the facet of an error: its message without values, and where it was raised.

    The stack trace names files, lines and functions only: source lines may hold values.
    """
    frames = [
        f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}'
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    kind = type(error).__qualname__
    return facet_v2.error_message_run.ErrorMessageRunFacet(
        message=_message_of(error),
        programmingLanguage="PYTHON",
        stackTrace="\n".join(["Traceback (most recent call last):", *frames, kind]),
        producer=PRODUCER,
    )


def _message_of(error: BaseException) -> str:
    kind = type(error).__qualname__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the host's own __str__ may fail in any way, and the type is still worth telling
        return kind
    return f"{kind}: {redact_text(text)}" if text else kind
