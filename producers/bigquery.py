"""Queries and jobs of google-cloud-bigquery: `query`, `query_and_wait`, and jobs that load, extract and copy.

Hooks the methods of `Client` that start jobs, and those of jobs that wait. One query per job: that of
`query_and_wait` ends when it returns, others when the job is first seen to be done: by `result()`,
`exception()`, `done()`, or what is built on them. Its time runs from the call that started it. A job that
nobody waits for is told of when its object goes, with the attribute `awaited` false: how it ended is not
known, and it claims no outputs. Jobs that load, extract and copy are told as the statements of BigQuery's SQL
that do the same.

Statistics are those that the client has by then; nothing is asked for.
"""

from __future__ import annotations

import inspect
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial, wraps
from typing import Any
from weakref import WeakKeyDictionary, finalize

from lineage._guard import guard
from lineage.attribution import UNRECORDED, Query, Source, Transactions, begin_query
from lineage.attribution.transactions import Work
from lineage.datasets import database_namespace
from lineage.errors import InstrumentError
from producers._base import Producer, missing, module_version, replace
from producers._dbapi import settle, starred

try:
    from google.cloud import bigquery
    from google.cloud.bigquery.job import _AsyncJob

    from producers import _bigquery_jobs as jobs
    from producers._bigquery_labels import checked_labels, checked_prefix, labelled
except ImportError as error:
    raise missing("google-cloud-bigquery", "bigquery", error) from error

Client, QueryJob = bigquery.Client, bigquery.QueryJob

_LABELLED = ("query", "query_and_wait")
_BEGINNING = guard("beginning a BigQuery job")
_PREPARING = guard("labelling a BigQuery job")
_FOLLOWING = guard("following a BigQuery job")
_ENDING = guard("ending a BigQuery job")


def source_of(project: str, default_schema: str | None) -> Source:
    """Return what a client's project and a query's default dataset say about it."""
    namespace = None
    with guard("naming a database"):
        namespace, _ = database_namespace(f"bigquery://{project}")
    return Source(
        "bigquery",
        "google-cloud-bigquery",
        db_name=project,
        dialect="bigquery",
        namespace=namespace,
        default_schema=default_schema,
    )


class _Options:
    """What was asked for beside capturing: labels and a prefix of job ids."""

    __slots__ = ("labels", "prefix")

    def __init__(self, labels: Mapping[str, str], prefix: str | None) -> None:
        self.labels = labels
        self.prefix = prefix


_NONE = _Options({}, None)


class BigQueryProducer(Producer):
    """Captures the jobs of all clients, or of some."""

    name = "bigquery"
    minimum = "3.25.0"
    options = ("labels", "job_id_prefix")

    def __init__(self) -> None:
        super().__init__()
        self._asked: WeakKeyDictionary[Any, _Options] = WeakKeyDictionary()
        self._asked_everywhere = _NONE

    def install(
        self,
        target: Any = None,
        *,
        labels: Mapping[str, str] | None = None,
        job_id_prefix: str | None = None,
    ) -> None:
        """As every producer; of several calls for one target the latest options hold.

        `labels` are put on the jobs of `query` and `query_and_wait`, where the caller's own labels win over
        those with the same keys; `job_id_prefix` begins the ids of the jobs of `query` to which the caller
        gives neither an id nor a prefix. Raises InstrumentError for what BigQuery would refuse.
        """
        asked = _Options(checked_labels(labels), checked_prefix(job_id_prefix))
        super().install(target)
        if target is None:
            self._asked_everywhere = asked
        else:
            self._asked[target] = asked

    def uninstall(self, target: Any = None) -> None:
        """As every producer; the options go too."""
        super().uninstall(target)
        if target is None:
            self._asked_everywhere = _NONE
            self._asked.clear()
        else:
            self._asked.pop(target, None)

    def asked(self, client: Any) -> _Options:
        """Return the options for a client: its own, else those for all."""
        return self._asked.get(client) or self._asked_everywhere

    def hook(self, undo: ExitStack) -> None:
        """Replace the methods of clients that start jobs, and those of jobs that wait for them."""
        for name, text in jobs.TEXTS.items():
            if name in vars(Client):
                waits = name == "query_and_wait"
                replace(Client, name, _starting(vars(Client)[name], text, waits=waits), undo)
        replace(QueryJob, "result", _waiting(vars(QueryJob)["result"]), undo)
        replace(_AsyncJob, "result", _waiting(vars(_AsyncJob)["result"]), undo)
        replace(_AsyncJob, "done", _asking(vars(_AsyncJob)["done"]), undo)

    def subject(self, target: Any) -> Any:
        """Return the client itself."""
        if not isinstance(target, Client):
            raise InstrumentError(self.name, f"give a client, not {type(target).__name__}")
        return target

    def version(self) -> str:
        """Return the library's version."""
        return module_version(bigquery)


PRODUCER = BigQueryProducer()


class _Session:
    """What is known of one client: the sources of its queries, and the transactions of its sessions."""

    __slots__ = ("sources", "transactions")

    def __init__(self) -> None:
        self.sources: dict[tuple[str, str | None], Source] = {}
        self.transactions: dict[str, Transactions] = {}


class _Watched:
    """A job that somebody may still wait for, and its query."""

    __slots__ = ("call", "finalizer", "query", "waiting")

    def __init__(self, query: Query, call: jobs.Call, job: Any) -> None:
        self.query = query
        self.call = call
        self.waiting = 0
        self.finalizer = finalize(job, _abandoned, query)


_sources: WeakKeyDictionary[Any, _Session] = WeakKeyDictionary()
_watched: WeakKeyDictionary[Any, _Watched] = WeakKeyDictionary()


def _session(client: Any) -> _Session:
    session = _sources.get(client)
    return session if session is not None else _sources.setdefault(client, _Session())


def _source(call: jobs.Call) -> Source:
    session, place = _session(call.client), (call.project, call.default_dataset())
    source = session.sources.get(place)
    if source is None:
        source = session.sources[place] = source_of(*place)
    return source


def _starting(method: Callable[..., Any], text: jobs.Text, *, waits: bool) -> Callable[..., Any]:
    """Return a method that starts a job, with a query that ends with it."""

    name, signature = method.__name__, inspect.signature(method)

    @wraps(method)
    def call(client: Any, /, *args: Any, **kwargs: Any) -> Any:
        query, made = UNRECORDED, None
        with _PREPARING:
            if PRODUCER.everywhere or PRODUCER.watches(client):
                made = jobs.call_of(signature, client, args, kwargs)
        if made is not None:
            query = _begin(made, text)
            args, kwargs = _prepared(name, made, args, kwargs)
        try:
            started = method(client, *args, **kwargs)
        except BaseException as error:
            _end(query, made, None, error)
            raise
        if made is not None and query is not UNRECORDED:
            (_end if waits else _follow)(query, made, started)
        return started

    return call


def _begin(call: jobs.Call, text: jobs.Text) -> Query:
    """Begin the query of a call, open while our caller runs."""
    begun = UNRECORDED
    with _BEGINNING:
        if call.is_dry_run():
            return UNRECORDED
        frame = sys._getframe(1)
        begun = begin_query(text(call, frame.f_back), _source(call), frame=frame)
        if begun is not UNRECORDED:
            begun.enter(frame)
            begun.kept_in = call.kept_in(begun.text)
    return begun


def _prepared(
    name: str, call: jobs.Call, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments to call with: with what was asked to be put there."""
    with _PREPARING:
        asked, given = PRODUCER.asked(call.client), dict(call.given)
        if asked.labels and name in _LABELLED:
            given["job_config"] = labelled(call.client, given.get("job_config"), asked.labels)
        ids = (given.get("job_id"), given.get("job_id_prefix"))
        if asked.prefix is not None and name == "query" and ids == (None, None):
            given["job_id_prefix"] = asked.prefix
        if asked is not _NONE:
            bound = inspect.BoundArguments(call.bound.signature, OrderedDict(given))
            return bound.args[1:], bound.kwargs
    return args, kwargs


def _follow(query: Query, call: jobs.Call, job: Any) -> None:
    """Have the end of a job that was started end its query."""
    is_followed = False
    with _FOLLOWING:
        query.leave()
        query.set(query_id=job.job_id)
        _watched[job] = _Watched(query, call, job)
        is_followed = True
    if not is_followed:
        _end(query, call, job)


def _abandoned(query: Query) -> None:
    """Tell of a job that nobody waited for: its object is gone."""
    with _ENDING:
        query.transaction = Work()  # of which nobody will know whether it stands
        query.set(attributes={"awaited": False})
    with _ENDING:
        query.end()


def _waiting(result: Callable[..., Any]) -> Callable[..., Any]:
    """Return `result`, which ends a job's query unless it gave up waiting."""

    @wraps(result)
    def call(job: Any, /, *args: Any, **kwargs: Any) -> Any:
        watched = _watched.get(job)
        if watched is None:
            return result(job, *args, **kwargs)
        watched.waiting += 1
        try:
            found = result(job, *args, **kwargs)
        except TimeoutError:  # the job goes on
            watched.waiting -= 1
            raise
        except BaseException as error:
            _done(job, None, error)
            raise
        _done(job, found, None)
        return found

    return call


def _asking(done: Callable[..., Any]) -> Callable[..., Any]:
    """Return `done`, which ends a job's query once it is true; inside `result` the job may start again."""

    @wraps(done)
    def call(job: Any, /, *args: Any, **kwargs: Any) -> Any:
        is_done = done(job, *args, **kwargs)
        watched = _watched.get(job)
        if watched is not None and is_done and not watched.waiting:
            error = vars(job).get("_exception")
            if error is not None or job.error_result is None:  # else the job is asked before it has its error
                _done(job, None, error)
        return is_done

    return call


def _done(job: Any, found: Any, error: BaseException | None) -> None:
    watched = _watched.pop(job, None)
    if watched is not None:
        watched.finalizer.detach()
        _end(watched.query, watched.call, found, error, job)


def _end(
    query: Query,
    call: jobs.Call | None,
    found: Any,
    error: BaseException | None = None,
    job: Any = None,
) -> None:
    """End a query with what the client knows of its job by now. Never raises."""
    if query is UNRECORDED or call is None:
        return
    with _ENDING:
        query.set(**jobs.told_of(found, job))
        query.tables = (*starred(query, jobs.columns_of(found)), *jobs.tables_of(found, job))
    settle(query, partial(_standing, job), call, error)
    with _ENDING:
        query.leave()
    with _ENDING:
        query.end(error)


def _standing(job: Any, call: jobs.Call) -> tuple[Transactions, None]:
    """Return the transactions of the session that a job belonged to; without one it has its own."""
    session = jobs.session_of(job) or call.session()
    if session is None:
        return Transactions(), None
    return _session(call.client).transactions.setdefault(session, Transactions()), None
