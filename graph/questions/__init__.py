"""The questions that people ask, as the command, the server and its clients all ask them.

Each takes what is asked (`Asked`: a store, as of a time) and plain parameters (texts, numbers, lists of
them), and returns a record whose `as_json` is the published shape. What they compute is in graph.queries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graph.questions.annotating import about, deleted
from graph.questions.asked import Asked, moment
from graph.questions.changes import changes
from graph.questions.checking import check
from graph.questions.comparing import compare
from graph.questions.graph import columns, diagnose, downstream, impact, path, upstream
from graph.questions.lists import history, queries, runs, search
from graph.questions.state import coverage, status
from graph.questions.story import drill, whence
from graph.questions.verifying import checkpoints, verify

__all__ = [
    "QUESTIONS",
    "Asked",
    "about",
    "changes",
    "check",
    "checkpoints",
    "columns",
    "compare",
    "coverage",
    "deleted",
    "diagnose",
    "downstream",
    "drill",
    "history",
    "impact",
    "moment",
    "path",
    "queries",
    "runs",
    "search",
    "status",
    "upstream",
    "verify",
    "whence",
]

_ALL: tuple[Callable[..., Any], ...] = (
    upstream,
    downstream,
    impact,
    changes,
    diagnose,
    columns,
    path,
    compare,
    search,
    coverage,
    check,
    runs,
    history,
    queries,
    about,
    deleted,
    status,
    verify,
    checkpoints,
    whence,
    drill,
)

QUESTIONS = {question.__name__: question for question in _ALL}
"""All of them by name."""
