"""Which datasets lie behind which: asked for every pair of suspects, so worked out once for all."""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx


class Ancestry:
    """The datasets behind each dataset on the way, a bit each: on a circle all lie behind each other."""

    def __init__(self, steps: Iterable[tuple[int, int]]) -> None:
        graph: nx.DiGraph[int] = nx.DiGraph([(target, source) for source, target in steps])
        self._bit = {key: 1 << place for place, key in enumerate(graph)}
        self._behind: dict[int, int] = {}
        groups = nx.condensation(graph)
        reached: dict[int, int] = {}
        for group in reversed(list(nx.topological_sort(groups))):
            members = groups.nodes[group]["members"]
            bits = sum(self._bit[key] for key in members)
            for source in groups.successors(group):
                bits |= reached[source]
            reached[group] = bits
            for key in members:
                self._behind[key] = bits & ~self._bit[key]

    def behind(self, source: int, key: int) -> bool:
        """Tell whether `key` is made from `source`, directly or not; nothing is made from itself."""
        return bool(self._behind.get(key, 0) & self._bit.get(source, 0))
