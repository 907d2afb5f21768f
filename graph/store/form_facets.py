"""Which facets of which datasets and jobs a form of events gives."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from graph import nodes
from graph.nodes import Node
from graph.store.log_format import Facets, Form
from lineage.datasets import normalise

Slot = tuple[int, str]
"""The key of a dataset or job, and the name of a facet."""


@lru_cache(maxsize=65536)
def dataset_node(namespace: str, name: str) -> tuple[int, Node]:
    """Return key and node of a dataset by the name a producer gave it."""
    node = nodes.dataset(*normalise(namespace, name))
    return node.key, node


@lru_cache(maxsize=65536)
def job_key(namespace: str, name: str) -> int:
    """Return the key of a job."""
    return nodes.job(namespace, name).key


def facets_in(form: Form) -> dict[Slot, int]:
    """Return the key of the content of each facet; where a dataset is named twice, the last one counts."""
    return dict(each_facet(form))


def each_facet(form: Form) -> Iterator[tuple[Slot, int]]:
    """Yield each facet with the key of its content; those of a dataset that is named twice come twice."""

    def of(entity: int, facets: Facets) -> Iterator[tuple[Slot, int]]:
        return (((entity, name), key) for name, key in (facets or {}).items() if key is not None)

    if form.job is not None:
        yield from of(job_key(*form.job[:2]), form.job[2])
    own = () if form.dataset is None else (form.dataset,)
    for namespace, name, facets, extra in (*own, *(form.inputs or ()), *(form.outputs or ())):
        entity, _ = dataset_node(namespace, name)
        yield from of(entity, extra)
        yield from of(entity, facets)
