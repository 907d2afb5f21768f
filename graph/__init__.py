"""The lineage-graph backend: open a store with `open_store`, ask it with `graph.queries`."""
