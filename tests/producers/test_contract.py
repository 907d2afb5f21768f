"""What every integration keeps to, tried on each of the registry."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from postgres_server import PostgresServer
from producer_cases import NAMES, SHARED, Case, case_of

import producers
from lineage import configure
from lineage.attribution import Query, Transactions, flush_queries
from lineage.operations import Operation

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    return case_of(request.param)


@pytest.fixture
def target(case: Case, postgres: PostgresServer) -> Any:
    with case.opened(postgres) as opened:
        yield opened


@pytest.fixture
def told(case: Case, target: Any, told: Told) -> Iterator[Told]:
    if case.telling is not None:
        with case.telling() as take:
            yield take
    else:
        yield told if case.told is None else lambda: case.told(target)  # type: ignore[misc]


def install(case: Case, target: Any) -> None:
    producers.install(case.name, case.everything(target))


def failures(case: Case, status: str) -> list[str]:
    """Return the statuses of what is told of one call that fails: of what was not read nothing is."""
    return [status] if case.told is None else []


def raised_by(call: Callable[[], Any]) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - which one is what the tests compare
        call()
    return caught.value


def frames_of(error: BaseException) -> list[str]:
    """The functions an exception came through, without ours."""
    stack = traceback.extract_tb(error.__traceback__)
    ours = ("/producers/", "/lineage/_calls.py")
    return [
        frame.name for frame in stack if not any(one in frame.filename.replace("/tests/", "") for one in ours)
    ]


def test_results_are_what_the_library_gives(case: Case, target: Any, told: Told) -> None:
    """DC-05: the rows, and the kinds of the objects that give them, are those of the library."""
    bare = case.run(target, "select 1 as one, 'x' as two")
    install(case, target)

    watched = case.run(target, "select 1 as one, 'x' as two")

    assert watched == bare == case.answer("select 1 as one, 'x' as two")
    assert [type(row) for row in watched] == [type(row) for row in bare]
    assert len(told()) == 1


def test_an_exception_is_the_very_same_object_with_its_traceback(case: Case, target: Any, told: Told) -> None:
    """DC-06: what a call raises is the same object from the same depths of the library."""
    cause = KeyError("why")
    bare, watched = ZeroDivisionError("bare"), ZeroDivisionError("watched")
    bare.__cause__ = watched.__cause__ = cause
    assert raised_by(lambda: case.raising(target, bare)) is bare
    install(case, target)

    assert raised_by(lambda: case.raising(target, watched)) is watched

    assert watched.__cause__ is cause
    assert type(watched.__context__) is type(bare.__context__)
    assert frames_of(watched) == frames_of(bare)
    events = told()
    assert [event["status"] for event in events] == failures(case, "error")
    assert all(event["error"]["type"] == "ZeroDivisionError" for event in events)


def test_the_error_of_a_bad_statement_is_the_library_s_own(case: Case, target: Any, told: Told) -> None:
    """DC-06, DC-16: type, message and traceback as without us; the event is there when the caller sees it."""
    bare = raised_by(lambda: case.run(target, "select * from nowhere"))
    install(case, target)

    watched = raised_by(lambda: case.run(target, "select * from nowhere"))

    assert type(watched) is type(bare)
    assert case.message(watched) == case.message(bare)
    assert frames_of(watched) == frames_of(bare)
    assert [event["status"] for event in told()] == failures(case, "error")


def test_interruptions_pass_and_are_told_apart(case: Case, target: Any, told: Told) -> None:
    """fault 2.1.3-18: a KeyboardInterrupt is a cancelled query, and stays a KeyboardInterrupt."""
    install(case, target)
    interrupt = KeyboardInterrupt()

    assert raised_by(lambda: case.raising(target, interrupt)) is interrupt

    assert [event["status"] for event in told()] == failures(case, "cancelled")


@pytest.mark.usefixtures("faults_expected")
@pytest.mark.parametrize(
    "step", ["begin_query", "source_of", "database_namespace", "ran", "end", "set", "enter", "leave"]
)
def test_a_fault_of_ours_changes_nothing(
    case: Case, target: Any, told: Told, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """DC-07: whatever breaks inside an integration, the library's call goes on as without it."""
    install(case, target)

    goes_on_without(step, case, target, told, monkeypatch)


@pytest.mark.usefixtures("faults_expected")
def test_a_fault_in_a_step_of_its_own_changes_nothing(
    case: Case, target: Any, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for what only this integration does."""
    install(case, target)

    for step in case.steps:
        goes_on_without(step, case, target, told, monkeypatch)


def goes_on_without(step: str, case: Case, target: Any, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a step of ours fail, and see that the host's calls do not, nor later ones of ours."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ValueError("a fault of ours")

    held = [one for one in (Query, Operation, Transactions, case.module, *SHARED) if hasattr(one, step)]
    assert held, "there is no such step"
    with monkeypatch.context() as planted:
        if hasattr(case.module, "_sources"):
            planted.setattr(case.module, "_sources", {})
        for one in held:
            planted.setattr(one, step, broken)

        assert case.run(target, "select 1") == case.answer("select 1")
        with pytest.raises(Exception, match=case.refusal):
            case.run(target, "select * from nowhere")
        boom = ZeroDivisionError()
        assert raised_by(lambda: case.raising(target, boom)) is boom

    assert case.run(target, "select 17") == case.answer("select 17")
    before = len(told())
    assert case.run(target, "select 18") == case.answer("select 18")
    assert len(told()) == before + 1, "a query that a fault left open swallowed a later one"


@pytest.mark.usefixtures("faults_expected")
def test_a_broken_sink_changes_nothing(case: Case, target: Any, caplog: pytest.LogCaptureFixture) -> None:
    """DC-07: a sink that raises is ours to bear."""

    def broken(event: Any) -> None:
        raise ValueError("no room")

    caplog.set_level(logging.CRITICAL)
    configure(sink=broken)
    install(case, target)

    assert case.run(target, "select 1") == case.answer("select 1")
    assert flush_queries(10)


def test_uninstalling_leaves_nothing(case: Case, target: Any, told: Told) -> None:
    """fault 2.3-5: every attribute and every listener is the one it was before."""
    before = case.traces(target)
    install(case, target)
    producers.install(case.name, target if case.targets else None)
    assert case.traces(target) != before, "these traces would not show an installation"

    producers.uninstall(case.name)

    after = case.traces(target)
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] or after[name] == before[name] for name in before)
    case.run(target, "select 1")
    assert told() == []


def test_installing_again_changes_nothing(case: Case, target: Any, told: Told) -> None:
    """DC-18: whatever is installed however often, one query is one event."""
    install(case, target)
    once = case.traces(target)
    install(case, target)
    producers.install(case.name, target if case.targets else None)
    producers.install(case.name, target if case.targets else None)

    assert case.traces(target) == once
    case.run(target, "select 1")
    assert len(told()) == 1


def test_one_target_leaves_the_others_alone(
    case: Case, target: Any, told: Told, postgres: PostgresServer
) -> None:
    if not case.targets:
        pytest.skip("it is instrumented as a whole")
    with case.opened(postgres) as other:
        producers.install(case.name, target)
        case.run(other, "select 'other'")
        assert told() == []
        case.run(target, "select 'watched'")
        assert len(told()) == 1

        producers.install(case.name, other)
        producers.uninstall(case.name, target)
        case.run(target, "select 'no more'")
        assert len(told()) == 1
        case.run(other, "select 'other'")
        assert len(told()) == 2

        producers.uninstall(case.name, other)
        case.run(other, "select 'no more'")
        assert len(told()) == 2


def test_a_target_is_not_kept_alive(case: Case, postgres: PostgresServer) -> None:
    if case.version is None:
        pytest.skip("a module lives as long as the process")
    if not case.targets:
        pytest.skip("it is instrumented as a whole")
    with case.opened(postgres) as opened:
        producers.install(case.name, opened)
        assert _state(case).targets == 1
    del opened
    import gc

    gc.collect()
    assert _state(case).targets == 0


def test_what_is_no_target_is_refused(case: Case, target: Any) -> None:
    before = case.traces(target)

    with pytest.raises(
        producers.InstrumentError,
        match=r"give an? (client( \(a Celery app\)| class)?|engine|connection( class)?|"
        r"module of the DB-API, or its name|tracer provider that takes span processors), not int"
        if case.targets
        else "it is instrumented as a whole: give no target",
    ):
        producers.install(case.name, 5)

    assert case.traces(target) == before
    assert _state(case) == producers.Status(case.name, case.module.PRODUCER.version())


def test_a_version_that_is_too_old_is_named(case: Case, target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if case.version is None:
        pytest.skip("the DB-API has levels and no versions, and its modules are asked for them one by one")
    monkeypatch.setattr(case.library or getattr(case.module, case.name), case.version, "0.0.9b1")
    before = case.traces(target)

    with pytest.raises(producers.InstrumentError, match=r"0\.0\.9b1 is too old, .* or newer is needed"):
        install(case, target)

    assert case.traces(target) == before
    assert "too old" in (_state(case).problem or "")


def test_a_hook_that_fails_half_way_is_undone(
    case: Case, target: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = case.traces(target)
    whole = type(case.module.PRODUCER).hook

    def half(self: Any, undo: Any) -> None:
        whole(self, undo)
        raise RuntimeError("half way")

    monkeypatch.setattr(type(case.module.PRODUCER), "hook", half)
    with pytest.raises(RuntimeError, match="half way"):
        install(case, target)

    assert case.traces(target) == before
    assert not _state(case).everywhere


def test_threads_may_install_and_uninstall_at_once(case: Case, target: Any, told: Told) -> None:
    case.run(target, "select 0")  # some attributes of a connection come with its first statement
    before = case.traces(target)
    start = threading.Barrier(8)

    def churn(number: int) -> None:
        start.wait(10)
        for _ in range(25):
            install(case, target) if number % 2 else producers.uninstall(case.name)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(churn, range(8)))
    install(case, target)
    case.run(target, "select 1")
    assert len(told()) == 1

    producers.uninstall(case.name)
    assert case.traces(target) == before


def test_disabled_lineage_captures_nothing(case: Case, target: Any, told: Told) -> None:
    install(case, target)
    configure(disabled=True)

    assert case.run(target, "select 1") == case.answer("select 1")
    boom = ZeroDivisionError()
    assert raised_by(lambda: case.raising(target, boom)) is boom
    configure(disabled=False)
    assert told() == []


def test_no_value_of_the_host_is_kept(case: Case, target: Any, told: Told) -> None:
    """DC-46: neither rows nor literals are in what is told."""
    install(case, target)

    case.run(target, "select 'planted-secret' as s, 918273645 as n")

    assert told()
    assert "planted" not in repr(told())
    assert "918273645" not in repr(told())


def _state(case: Case) -> producers.Status:
    return next(one for one in producers.status() if one.name == case.name)
