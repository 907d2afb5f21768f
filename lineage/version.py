"""The version of this package and the producer URI that stands on everything it emits."""

VERSION = "0.1.0"
PRODUCER = f"https://github.com/lineage-graph/lineage-graph/tree/{VERSION}"
