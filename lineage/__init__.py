"""OpenLineage events from plain Python pipelines. Start with `track_lineage` and `track_run`."""
