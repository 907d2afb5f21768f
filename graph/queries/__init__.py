"""Questions to the graph: pure functions over a `LineageReader`.

    from graph import open_store
    from graph.queries import upstream

    with closing(open_store("lineage.db")) as store:
        for node in upstream(store, "gold.daily_revenue").nodes:
            print(node.distance, node.node.label)

Each name is loaded when it is first used, so that a program pays for networkx only when it asks. No module is
called like a name given here: importing it would put the module in the place of the name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graph.queries.answer import Answer as Answer
    from graph.queries.answer import AnswerEdge as AnswerEdge
    from graph.queries.answer import AnswerNode as AnswerNode
    from graph.queries.answer import Impact as Impact
    from graph.queries.chains import downstream as downstream
    from graph.queries.chains import upstream as upstream
    from graph.queries.change_impact import ChangeImpact as ChangeImpact
    from graph.queries.change_impact import impact_of_changes as impact_of_changes
    from graph.queries.checking import Baseline as Baseline
    from graph.queries.checking import check_baseline as check_baseline
    from graph.queries.checking.expectations import Expectations as Expectations
    from graph.queries.checking.expectations import expectations_of as expectations_of
    from graph.queries.checking.expected import check_expectations as check_expectations
    from graph.queries.comparison import Comparison as Comparison
    from graph.queries.comparison import compare_runs as compare_runs
    from graph.queries.comparison import compare_times as compare_times
    from graph.queries.coverage import Check as Check
    from graph.queries.coverage import CheckResult as CheckResult
    from graph.queries.coverage import Layer as Layer
    from graph.queries.coverage import check_coverage as check_coverage
    from graph.queries.diagnosis import Diagnosis as Diagnosis
    from graph.queries.diagnosis import diagnose_metric as diagnose_metric
    from graph.queries.field_sources import columns as columns
    from graph.queries.impacts import impact as impact
    from graph.queries.names import resolve as resolve
    from graph.queries.paths import path as path
    from graph.queries.query_items import QueryItem as QueryItem
    from graph.queries.query_list import queries as queries
    from graph.queries.query_list import since_time as since_time
    from graph.queries.run_list import runs as runs
    from graph.queries.schema_changes import Add as Add
    from graph.queries.schema_changes import Drop as Drop
    from graph.queries.schema_changes import Rename as Rename
    from graph.queries.schema_changes import Retype as Retype
    from graph.queries.text_search import search as search

_HOME = {
    "Add": "schema_changes",
    "Answer": "answer",
    "AnswerEdge": "answer",
    "AnswerNode": "answer",
    "Baseline": "checking",
    "ChangeImpact": "change_impact",
    "Check": "coverage",
    "Comparison": "comparison",
    "CheckResult": "coverage",
    "Drop": "schema_changes",
    "Expectations": "checking.expectations",
    "Impact": "answer",
    "Layer": "coverage",
    "QueryItem": "query_items",
    "Rename": "schema_changes",
    "Retype": "schema_changes",
    "Diagnosis": "diagnosis",
    "check_baseline": "checking",
    "check_coverage": "coverage",
    "check_expectations": "checking.expected",
    "columns": "field_sources",
    "compare_runs": "comparison",
    "compare_times": "comparison",
    "diagnose_metric": "diagnosis",
    "downstream": "chains",
    "expectations_of": "checking.expectations",
    "impact": "impacts",
    "impact_of_changes": "change_impact",
    "path": "paths",
    "queries": "query_list",
    "resolve": "names",
    "runs": "run_list",
    "search": "text_search",
    "since_time": "query_list",
    "upstream": "chains",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
