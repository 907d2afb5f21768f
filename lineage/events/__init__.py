"""OpenLineage events of our own runs, made of openlineage-python's classes.

Outputs are claimed by COMPLETE (a failed run may have written nothing), and by RUNNING, which a long run
sends on request; inputs are declared from START on.
"""

from openlineage.client.event_v2 import RunState

from lineage.events.facts import DatasetFacts, RunFacts
from lineage.events.job_events import column_lineage_event
from lineage.events.job_facets import (
    description_facet,
    job_tags_facet,
    job_type_facet,
    service_job_type_facet,
    source_location_facet,
)
from lineage.events.run_events import emit, run_event
from lineage.events.run_facets import environment_facet, error_facet, joined_tags, trace_facet
from lineage.events.sources import current_time, format_time, new_run_id, sources

__all__ = [
    "DatasetFacts",
    "RunFacts",
    "RunState",
    "column_lineage_event",
    "current_time",
    "description_facet",
    "emit",
    "environment_facet",
    "error_facet",
    "format_time",
    "job_tags_facet",
    "job_type_facet",
    "joined_tags",
    "new_run_id",
    "run_event",
    "service_job_type_facet",
    "source_location_facet",
    "sources",
    "trace_facet",
]
