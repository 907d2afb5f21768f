"""Records of other kinds than queries, which go the same way to runs and sinks."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from lineage.attribution.query import Query

if TYPE_CHECKING:
    from lineage.attribution.statistics import QueryStatistics


class Record(Query):
    """Something that is measured and attributed as a query is, but tells and counts of itself."""

    @abstractmethod
    def own_event(self) -> dict[str, Any]:
        """Return the flat event that sinks get."""

    @abstractmethod
    def count_to(self, statistics: QueryStatistics) -> None:
        """Count this to what its run comes to, under a name in `statistics.others`."""
