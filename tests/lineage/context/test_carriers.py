"""`inject` and `attach`: what is written, what is read, and what strangers may try."""

from __future__ import annotations

import asyncio
import enum
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from lineage import attach, current_run, inject, track_run
from lineage.context import Attribution, RemoteRun, active_run, current, current_scope, current_trace, use
from lineage.testing import capture

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
RUN = "01941f29-7c00-7077-bcef-1a2b3c4d5e6f"
ROOT = "01941f29-7c00-7077-bcef-000000000001"

CONTEXT = {
    "parent": {
        "run": {"runId": RUN},
        "job": {"namespace": "airflow://prod/eu", "name": "dag.task"},
        "root": {"run": {"runId": ROOT}, "job": {"namespace": "airflow://prod/eu", "name": "dag"}},
    }
}


@pytest.fixture
def span() -> Iterator[SpanContext]:
    """An active span of the real SDK."""
    with TracerProvider().get_tracer("test").start_as_current_span("work") as active:
        yield active.get_span_context()


def attached() -> tuple[Attribution | None, Any, Any]:
    return current(), active_run.get(), current_trace()


def test_what_was_injected_is_attached_with_its_types() -> None:
    """DR-20: all fields and attributes go over, whatever characters they hold."""
    with use(
        operation="GET /orders",
        actor='jürgen, "the" 50% = ok;',
        request_id="r-1",
        job_id="j-1",
        session_id="s\n1",
        agent="bot/1",
        attributes={"tier": "gold, new", "größe": 3, "ratio": 0.5, "paid": False, "text": "3"},
    ):
        here = current()
        carrier = inject()

    assert list(carrier) == ["baggage"]
    assert carrier["baggage"].isascii()
    assert carrier["baggage"].isprintable()
    with attach(carrier) as there:
        assert there == here == current()
        assert [type(value) for _, value in there.attributes] == [str, int, float, bool, str]


def test_numbers_of_other_libraries_go_over_as_numbers() -> None:
    class Level(enum.IntEnum):
        HIGH = 3

    class Ratio(float):
        """As numpy's are."""

    with use(attributes={"level": Level.HIGH, "ratio": Ratio(0.5), "huge": 10**5000, "odd": 1j}):
        carrier = inject()
    with attach(carrier) as there:
        assert there is not None
        assert dict(there.attributes) == {"level": 3, "ratio": 0.5, "odd": "1j"}


@given(
    st.builds(
        Attribution,
        *[st.none() | st.text(min_size=1, max_size=40) for _ in range(6)],
    )
)
def test_any_text_goes_over_unchanged(given_: Attribution) -> None:
    with use(
        given_.operation, given_.actor, given_.request_id, given_.job_id, given_.session_id, given_.agent
    ):
        carrier = inject()
    with attach(carrier) as there:
        assert (there or Attribution()) == given_


def test_nothing_is_written_where_nothing_is_true() -> None:
    assert inject() == {}


def test_a_given_carrier_is_filled_and_returned() -> None:
    headers = {"Accept": "*/*"}
    with use(actor="ada"):
        assert inject(headers) is headers

    assert headers == {"Accept": "*/*", "baggage": "lineage.actor=ada"}


def test_what_stands_there_already_is_replaced_in_any_spelling() -> None:
    """DR-20: nothing stale goes on: an environment handed down names the inner run, or none."""
    stale = {
        "PATH": "/bin",
        "BAGGAGE": "theirs=1;p=2,lineage.actor=stale",
        "OPENLINEAGE_PARENT_ID": f"old/job/{ROOT}",
        "openlineage-context": "{}",
    }
    with use(actor="ada"):
        assert inject(dict(stale), environment=True) == {
            "PATH": "/bin",
            "BAGGAGE": "theirs=1;p=2,lineage.actor=ada",
        }
    assert inject(dict(stale)) == {"PATH": "/bin", "baggage": "theirs=1;p=2"}


def test_the_run_goes_in_both_forms_and_comes_back() -> None:
    """DR-20: OPENLINEAGE_CONTEXT and the older ids, of the innermost run and of the outermost."""
    with capture(fixed=False):
        with track_run("dag", job_namespace="airflow://prod/eu") as outer, track_run("task") as inner:
            carrier = inject()
        said = json.loads(carrier["OPENLINEAGE_CONTEXT"])["parent"]
        assert (said["run"]["runId"], said["root"]["run"]["runId"]) == (inner.run_id, outer.run_id)
        assert carrier["OPENLINEAGE_ROOT_PARENT_ID"] == f"airflow://prod/eu/dag/{outer.run_id}"
        for names in (["OPENLINEAGE_CONTEXT"], ["OPENLINEAGE_PARENT_ID", "OPENLINEAGE_ROOT_PARENT_ID"]):
            with attach({name: carrier[name] for name in names}):
                run = active_run.get()
                assert isinstance(run, RemoteRun)
                assert (run.identity, run.root) == (inner.identity, outer.identity)


def test_runs_begun_inside_are_children_of_the_remote_one() -> None:
    with capture() as events, attach({"OPENLINEAGE_CONTEXT": json.dumps(CONTEXT)}):
        assert not current_run().recording
        assert json.loads(inject()["OPENLINEAGE_CONTEXT"]) == CONTEXT
        with track_run("child"), track_run("grandchild"):
            pass
        with track_run("second"):
            pass

    parents = {event["job"]["name"]: event["run"]["facets"]["parent"] for event in events}
    assert [parents[name]["job"]["name"] for name in ("child", "grandchild", "second")] == [
        "dag.task",
        "child",
        "dag.task",
    ]
    assert {parent["root"]["run"]["runId"] for parent in parents.values()} == {ROOT}


def test_namespaces_of_older_ids_contain_slashes() -> None:
    with attach({"OPENLINEAGE_PARENT_ID": f"airflow://prod/eu//dag.task/{RUN}"}):
        run = active_run.get()
        assert run is not None
        assert (run.identity.job_namespace, run.identity.job_name) == ("airflow://prod/eu/", "dag.task")
        assert run.root == run.identity


@pytest.mark.parametrize("names", [str.lower, str.upper, str.title, lambda name: name.replace("_", "-")])
def test_names_are_read_in_any_case(names: Any) -> None:
    """DR-20: as headers, as environment variables, and with the hyphens that proxies insist on."""
    carrier = {
        "traceparent": TRACE,
        "tracestate": "vendor=1",
        "baggage": "lineage.actor=ada",
        "OPENLINEAGE_CONTEXT": json.dumps(CONTEXT),
    }
    with attach({names(name): value for name, value in carrier.items()}):
        assert current() == Attribution(actor="ada")
        assert inject()["tracestate"] == "vendor=1"
        assert inject()["traceparent"] == TRACE
        assert active_run.get() is not None


def test_pairs_of_bytes_are_read_as_asgi_and_kafka_have_them() -> None:
    headers = [(b"baggage", b"lineage.actor=ada"), (b"Baggage", b"x=1"), (b"traceparent", TRACE.encode())]
    with attach([*headers, (b"baggage", b"lineage.agent=bot"), ("other", None)]):
        assert current() == Attribution(actor="ada", agent="bot")
        assert inject()["traceparent"] == TRACE


def test_attach_replaces_what_was_true() -> None:
    """DR-20: an attached carrier that says nothing means nothing: no run, no actor, no trace."""
    with capture(), attach({"traceparent": TRACE, "baggage": "a=1"}), use(actor="ada"), track_run("one"):
        outside = attached()
        with attach({}) as nothing:
            assert nothing is None
            assert attached() == (None, None, None)
            assert inject() == {}
        assert attached() == outside
        with attach({"baggage": "lineage.agent=bot"}):
            assert current() == Attribution(agent="bot")


def test_attach_is_asynchronous_nested_and_shared_too() -> None:
    async def work(held: Any, number: int) -> bool:
        async with held, held:
            await asyncio.sleep(0.001 * (number % 3))
            with attach({"baggage": f"lineage.actor={number}"}):
                await asyncio.sleep(0.001 * (number % 2))
                inner = current() == Attribution(actor=str(number))
            return inner and current() == Attribution(actor="shared")

    async def main() -> list[bool]:
        held = attach({"baggage": "lineage.actor=shared"})
        found = await asyncio.gather(*(work(held, number) for number in range(50)))
        assert current() is None
        return found

    assert all(asyncio.run(main()))


def test_the_scope_of_a_carrier_ends_with_its_block() -> None:
    with attach({"baggage": "lineage.actor=ada"}):
        scope = current_scope()
        assert scope is not None
        assert not scope.ended
    assert scope.ended


def test_an_active_span_comes_before_what_was_attached(span: SpanContext) -> None:
    """DR-20: the host's tracer knows better than a header what the current span is."""
    with attach({"traceparent": TRACE, "tracestate": "vendor=1"}):
        carrier = inject({"traceparent": "00-stale", "tracestate": "stale=1"})

    assert carrier == {"traceparent": f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"}


def test_the_trace_state_of_a_span_goes_on() -> None:
    context = SpanContext(1, 2, True, TraceFlags(0), TraceState([("vendor", "x"), ("other", "y")]))
    with otel.use_span(NonRecordingSpan(context)):
        assert inject() == {
            "traceparent": f"00-{1:032x}-{2:016x}-00",
            "tracestate": "vendor=x,other=y",
        }


def test_a_traceparent_of_another_tracer_stays() -> None:
    with attach({"traceparent": TRACE}):
        assert inject({"traceparent": "theirs"}) == {"traceparent": "theirs"}


def test_members_of_others_are_kept_and_ours_stay_within_the_limits() -> None:
    """DR-20: at most 64 members and 8,192 characters, those of others first."""
    theirs = [f"vendor{number}={'v' * 80}" for number in range(40)]
    with (
        attach({"baggage": ",".join(theirs)}),
        use(actor="a" * 300, attributes={f"key {number}": "ö" * 256 for number in range(32)}),
    ):
        baggage = inject()["baggage"]

    members = baggage.split(",")
    assert members[:40] == theirs
    assert members[40] == f"lineage.actor={'a' * 256}"
    assert len(members) <= 64
    assert len(baggage) <= 8_192

    with use(actor="ada", attributes={f"k{number}": number for number in range(32)}):
        full = inject({"baggage": ",".join(f"v{number}=1" for number in range(60))})["baggage"]
    assert len(full.split(",")) == 64
    assert "lineage.actor=ada" in full


MALFORMED = {
    "traceparent": [
        "",
        "00",
        TRACE.upper(),
        TRACE + "-more",
        TRACE.replace("00-", "ff-", 1),
        "00-" + "0" * 32 + TRACE[35:],
        TRACE[:36] + "0" * 16 + "-01",
        TRACE + "\r\nX-Evil: 1",
        "0" * 100_000,
    ],
    "baggage": [
        ",,,",
        "=x",
        "lineage.actor",
        "lineage.actor=a b",
        'lineage.actor="x"',
        "lineage.actor=ö",
        "lineage.attribute.n=three;type=int",
        "lineage.unknown=1",
        "lineage.actor=",
        "x" * 100_000,
        "lineage.actor=" + "a" * 9_000,
    ],
    "OPENLINEAGE_CONTEXT": [
        "",
        "{",
        "[]",
        "null",
        "[" * 8_000,
        '{"parent": []}',
        json.dumps({"parent": {**CONTEXT["parent"], "run": {"runId": "run_id"}}}),
        json.dumps({"parent": {**CONTEXT["parent"], "job": {"namespace": "", "name": "x"}}}),
        json.dumps({"parent": {**CONTEXT["parent"], "job": {"namespace": 1, "name": "x"}}}),
        json.dumps(CONTEXT) + " " * 10_000,
    ],
    "OPENLINEAGE_PARENT_ID": ["", RUN, f"job/{RUN}", f"//{RUN}", "ns/job/run", f"ns/job/{RUN}/", "/" * 9_000],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in MALFORMED for text in MALFORMED[name]])
def test_what_is_malformed_is_left_out_and_the_rest_taken(name: str, text: str) -> None:
    """DR-20: nothing raises, and one bad part spoils no other."""
    good = {"traceparent": TRACE, "baggage": "lineage.agent=bot", "OPENLINEAGE_CONTEXT": json.dumps(CONTEXT)}
    without = {key: value for key, value in good.items() if key != name}
    if name == "OPENLINEAGE_PARENT_ID":
        del without["OPENLINEAGE_CONTEXT"]
    with attach(without):
        expected = current(), active_run.get() is None, current_trace()
    with capture(), attach({**without, name: text}):
        assert (current(), active_run.get() is None, current_trace()) == expected


def test_a_broken_root_is_left_out_of_a_good_parent() -> None:
    parent = {**CONTEXT["parent"], "root": {"run": {"runId": "x"}}}
    with attach({"OPENLINEAGE_CONTEXT": json.dumps({"parent": parent})}):
        run = active_run.get()
        assert run is not None
        assert run.root == run.identity


def test_members_after_a_broken_one_are_read() -> None:
    with attach({"baggage": "a b=1, lineage.actor = ada ;p=1,lineage.attribute.n=3;type=int,broken"}):
        assert current() == Attribution(actor="ada", attributes=(("n", 3),))


def test_later_versions_of_traceparent_are_read_as_far_as_known() -> None:
    with attach({"traceparent": "cc" + TRACE[2:-2] + "ff-what-comes-later"}):
        assert inject()["traceparent"] == TRACE


@pytest.mark.parametrize(
    "carrier", [None, 3, [1, 2], {1: 2}, {"baggage": None}, {"baggage": ["x"]}, [("a",)]]
)
def test_what_is_no_carrier_says_nothing_and_raises_nothing(carrier: Any) -> None:
    with attach(carrier) as nothing:
        assert nothing is None
        assert current() is None


def test_a_carrier_that_refuses_writing_raises_nothing_into_the_host() -> None:
    class Frozen(dict[str, str]):
        def __setitem__(self, key: str, value: str) -> None:
            raise TypeError("these headers are read-only")

    with use(actor="ada"):
        assert inject(Frozen()) == {}


def test_a_name_that_no_header_can_hold_goes_in_json_only() -> None:
    """DR-20: a line break in a job's name must not become a header of its own."""
    with capture(fixed=False), track_run("evil\r\nX-Injected: 1 ö") as run:
        carrier = inject()
    assert list(carrier) == ["OPENLINEAGE_CONTEXT"]
    assert carrier["OPENLINEAGE_CONTEXT"].isprintable()
    assert carrier["OPENLINEAGE_CONTEXT"].isascii()
    with attach(carrier):
        found = active_run.get()
        assert found is not None
        assert found.identity == run.identity


def test_a_long_name_is_not_sent_at_all() -> None:
    with capture(fixed=False), track_run("x" * 10_000):
        assert inject() == {}


def test_two_values_for_one_name_say_nothing() -> None:
    with attach([("traceparent", TRACE), ("traceparent", TRACE.replace("4bf9", "0000"))]):
        assert current_trace() is None
