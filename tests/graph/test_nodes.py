"""Node identities: text ids and integer keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.nodes import Node, NodeType, dataset, field, job, splits

NAMES = st.text(min_size=1, max_size=8)
NODES = (
    st.builds(dataset, NAMES, NAMES) | st.builds(job, NAMES, NAMES) | st.builds(field, NAMES, NAMES, NAMES)
)


@pytest.mark.parametrize(
    ("node", "text", "label"),
    [
        (
            dataset("postgres://db:5432", "shop.orders"),
            "dataset:postgres://db:5432:shop.orders",
            "shop.orders",
        ),
        (job("prod", "load"), "job:prod:load", "load"),
        (field("s3://lake", "a/b", "x"), "datasetField:s3://lake:a/b:x", "a/b.x"),
    ],
)
def test_a_node_has_a_text_id_and_a_label(node: Node, text: str, label: str) -> None:
    assert node.id == text
    assert node.label == label


@given(node=NODES)
def test_a_text_id_is_read_back_among_its_readings(node: Node) -> None:
    assert node in list(splits(node.id))
    assert all(reading.id == node.id for reading in splits(node.id))


@pytest.mark.parametrize(
    "text", ["", "orders", "dataset", "dataset:", "dataset:alone", "table:a:b", "job:alone"]
)
def test_what_is_no_text_id_has_no_reading(text: str) -> None:
    assert list(splits(text)) == []


@given(one=NODES, other=NODES)
def test_keys_differ_exactly_where_nodes_differ(one: Node, other: Node) -> None:
    assert (one.key == other.key) == (one == other)
    assert 0 <= one.key < 2**63


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (dataset("a", "bc"), dataset("ab", "c")),
        (dataset("a", "b"), job("a", "b")),
        (field("a", "b", "c"), field("a", "bc", "")),
        (field("a", "b1", "c"), field("a", "b", "1c")),
        (dataset("a:1", "b"), dataset("a", "1:b")),
        (dataset("1:a", "b"), dataset("1", ":ab")),
    ],
)
def test_where_one_part_ends_and_the_next_begins_makes_a_difference(one: Node, other: Node) -> None:
    assert one.key != other.key


def test_keys_are_the_same_in_every_process() -> None:
    assert dataset("ns", "orders").key == KEY_OF_ORDERS
    assert NodeType.DATASET == "DATASET"


KEY_OF_ORDERS = 6919122102317804484
