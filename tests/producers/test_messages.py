"""What integrations with brokers share: headers, the context of a message, and faults of ours on the way."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from messaging_cases import MESSAGING
from producer_cases import CASES, Case

import producers
from lineage import ContextThreadPoolExecutor, attach, configure, context, current_run, inject, track_run
from lineage.attribution import flush_queries
from producers._messages import Handling, broker_namespace, outgoing, size_of


@pytest.fixture(params=MESSAGING)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def sent_by(actor: str) -> dict[str, str]:
    with context.use(actor=actor):
        return dict(inject())


def actor() -> str | None:
    known = context.current()
    return known.actor if known is not None else None


def test_where_nobody_is_known_headers_stay_what_they_are() -> None:
    stale = [("a", b"1"), ("baggage", b"lineage.actor=bob"), ("OPENLINEAGE_PARENT_ID", b"x")]

    assert outgoing(stale) == (stale, {})


def test_context_takes_the_place_of_what_stood_there_and_leaves_the_rest() -> None:
    given = [("a", b"1"), ("a", b"2"), ("Baggage", b"lineage.actor=bob,theirs=1")]

    with context.use(actor="ada"):
        kept, ours = outgoing(given)

    assert kept == [("a", b"1"), ("a", b"2")]
    assert ours == {"baggage": "theirs=1,lineage.actor=ada"}
    assert len(given) == 3


def test_each_sender_has_headers_of_its_own() -> None:
    """The headers are written once for messages of the same sender, and anew for those of another."""
    seen = []
    for name in ("ada", "bob", "ada"):
        with context.use(actor=name), track_run(name) as run:
            pairs = [outgoing(())[1], outgoing(())[1]]
            assert pairs[0] == pairs[1]
            assert run.run_id in pairs[0]["OPENLINEAGE_CONTEXT"]
            seen.append(pairs[0])
    with attach(seen[0]):
        relayed = outgoing(())[1]

    assert ["ada" in one["baggage"] for one in seen] == [True, False, True]
    assert len({one["OPENLINEAGE_CONTEXT"] for one in seen}) == 3
    assert relayed["OPENLINEAGE_CONTEXT"] == seen[0]["OPENLINEAGE_CONTEXT"]
    assert outgoing(())[1] == {}


def test_a_forked_child_sends_nothing_of_its_parent_s() -> None:
    with context.use(actor="ada"):
        assert outgoing(())[1]
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writing, repr(dict(outgoing(())[1])).encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        with os.fdopen(reading) as told:
            assert told.read() == "{}"


def test_a_message_is_handled_for_its_sender_until_the_next_one_is_asked_for() -> None:
    handling = Handling()
    handling.begin(sent_by("ada"))
    first = actor()
    handling.end()
    between = actor()
    handling.begin([("baggage", b"lineage.actor=bob")])
    second = actor()
    handling.end()

    assert (first, between, second, actor()) == ("ada", None, "bob", None)


def test_a_message_without_context_leaves_what_holds_around_it() -> None:
    with context.use(actor="consumer"), track_run("loop") as run:
        for headers in (None, [], [("a", b"1")], {"a": 1}):
            with context.handling(headers):
                assert actor() == "consumer"
                assert current_run() is run


def test_the_run_that_is_open_stays_the_run_of_what_is_done_with_a_message() -> None:
    """Else what a consumer's run reads and writes would not be its lineage."""
    with context.use(actor="ada"), track_run("sender") as sender:
        headers = dict(inject())

    with track_run("consumer") as run, context.handling(headers):
        assert current_run() is run
        assert actor() == "ada"
    with context.handling(headers), track_run("alone") as alone:
        assert alone.facts.parent == sender.identity


def test_threads_that_share_a_consumer_handle_each_their_own_message() -> None:
    handling, seen = Handling(), {}
    polled, done = threading.Barrier(2), threading.Barrier(2)

    def work(name: str) -> None:
        handling.end()
        handling.begin(sent_by(name))
        polled.wait(10)
        seen[name] = actor()
        done.wait(10)
        handling.end()
        seen[f"{name} after"] = actor()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("ada", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert seen == {"ada": "ada", "bob": "bob", "ada after": None, "bob after": None}


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ContextThreadPoolExecutor])
def test_no_message_stays_in_the_worker_of_a_thread_pool(kind: type[ThreadPoolExecutor]) -> None:
    """A message may be asked for in a worker that then does somebody else's work."""
    handling = Handling()
    with kind(1) as pool:
        pool.submit(handling.begin, sent_by("ada")).result()

        assert pool.submit(actor).result() is None


def test_lengths_are_those_of_the_wire() -> None:
    assert [size_of(body) for body in (b"abc", "abc", "ä", bytearray(2), None, 5)] == [3, 3, 2, 2, 0, None]


def test_a_broker_is_named_without_what_is_secret() -> None:
    assert broker_namespace("amqp", "Broker", 5672, "/") == "amqp://broker:5672"
    assert broker_namespace("amqp", "broker", 5672, "shop") == "amqp://broker:5672/shop"
    assert broker_namespace("redis", "cache", 6379, "0") == "redis://cache:6379/0"
    assert broker_namespace("memory", None, None) == "memory://localhost"


@pytest.mark.usefixtures("faults_expected")
@pytest.mark.parametrize("step", ["is_on", "begin_operation", "begin_publish", "outgoing", "namespace_of"])
def test_a_fault_of_ours_at_any_step_changes_nothing(
    case: Case, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whatever breaks on the way of a message, it goes there as without us."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ValueError("a fault of ours")

    held = [one for one in (case.module, producers._kafka) if hasattr(one, step)]
    assert held, "there is no such step"
    with case.opened(None) as target:
        producers.install(case.name, case.everything(target))
        for one in held:
            monkeypatch.setattr(one, step, broken)

        with context.use(actor="ada"), track_run("send"):
            assert case.run(target, "select 1") == case.answer("select 1")
            with pytest.raises(Exception, match=case.refusal):
                case.run(target, "select * from nowhere")

        monkeypatch.undo()
        configure(sink=(events := []).append)
        assert case.run(target, "select 18") == case.answer("select 18")
        assert flush_queries(10)
        assert len(events) == 1


def test_bodies_and_keys_stay_where_they_are(case: Case) -> None:
    """Neither what is sent nor what is told of it has a body in it."""
    configure(sink=["lineage", (events := []).append])
    with case.opened(None) as target:
        producers.install(case.name)
        with track_run("send") as run:
            case.run(target, "planted-secret")
        assert flush_queries(10)

    assert events
    assert "planted" not in repr(events)
    assert "planted" not in repr(run.facts)
