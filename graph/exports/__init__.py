"""A graph as text that other programs read: JSON Lines, DOT and Mermaid.

Each format is a function from nodes and edges to lines without line ends. `sql_graph` gives the nodes and
edges of a SQL text's lineage.
"""

from graph.exports.dot import dot
from graph.exports.jsonl import jsonl
from graph.exports.mermaid import mermaid

__all__ = ["dot", "jsonl", "mermaid"]
