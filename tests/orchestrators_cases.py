"""What the contract of integrations is tried on, of orchestrators: one task that asks a statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import dagster
import prefect
import prefect_server
from dagster._core.execution import api, execute_in_process, host_mode
from dagster._core.execution.plan import execute_plan
from dagster._core.storage.event_log import InMemoryEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.runs import InMemoryRunStorage, SqliteRunStorage
from emitted_runs import Event, told_runs
from held_attributes import attributes
from postgres_server import PostgresServer
from prefect import flow_engine, task_engine
from producer_cases import Case

import producers.dagster
import producers.prefect

_STATUSES = {"COMPLETE": "ok", "FAIL": "error", "ABORT": "cancelled"}


def _rows(statement: str) -> list[Any]:
    with closing(sqlite3.connect(":memory:")) as connection:
        return connection.execute(statement).fetchall()


@contextmanager
def _told_tasks() -> Iterator[Callable[[], list[Event]]]:
    """Give a function that returns how each attempt at a task ended, as queries are told."""
    with told_runs() as told:
        yield lambda: [_task(event) for event in told() if _is_end_of_task(event)]


def _is_end_of_task(event: Event) -> bool:
    return event["eventType"] in _STATUSES and "parent" in event["run"]["facets"]


def _task(event: Event) -> Event:
    error = event["run"]["facets"].get("errorMessage", {"message": ""})
    kind = error["message"].partition(":")[0]
    return {**event, "status": _STATUSES[event["eventType"]], "error": {"type": kind}}


@contextmanager
def _instance(postgres: PostgresServer) -> Iterator[dagster.DagsterInstance]:
    with dagster.DagsterInstance.ephemeral() as instance:
        yield instance


def _run_job(instance: dagster.DagsterInstance, act: Callable[[], Any]) -> Any:
    @dagster.op(out=dagster.Out(dagster.Any))
    def ask() -> Any:
        return act()

    @dagster.job(logger_defs={}, executor_def=dagster.in_process_executor)
    def asking() -> None:
        ask()

    return asking.execute_in_process(instance=instance).output_for_node("ask")


def _fail(error: BaseException) -> Any:
    raise error


def _traces_of_dagster(instance: Any) -> dict[str, Any]:
    kinds = (InMemoryEventLogStorage, SqliteEventLogStorage, InMemoryRunStorage, SqliteRunStorage)
    return attributes(api, execute_in_process, host_mode, execute_plan, *kinds)


@contextmanager
def _server(postgres: PostgresServer) -> Iterator[str]:
    yield prefect_server.server()


def _run_flow(act: Callable[[], Any]) -> Any:
    @prefect.task
    def ask() -> Any:
        return act()

    @prefect.flow
    def asking() -> Any:
        return ask()

    return asking()


def _traces_of_prefect(server: str) -> dict[str, Any]:
    engines = [task_engine.SyncTaskRunEngine, task_engine.AsyncTaskRunEngine, flow_engine.FlowRunEngine]
    return attributes(task_engine, flow_engine, *engines)


CASES = {
    "dagster": Case(
        "dagster",
        producers.dagster,
        _instance,
        lambda instance, statement: _run_job(instance, lambda: _rows(statement)),
        lambda instance, error: _run_job(instance, lambda: _fail(error)),
        _traces_of_dagster,
        library=dagster,
        targets=False,
        telling=_told_tasks,
    ),
    "prefect": Case(
        "prefect",
        producers.prefect,
        _server,
        lambda server, statement: _run_flow(lambda: _rows(statement)),
        lambda server, error: _run_flow(lambda: _fail(error)),
        _traces_of_prefect,
        targets=False,
        telling=_told_tasks,
    ),
}
