"""Context across processes: written into a carrier on one side, taken over on the other.

A carrier is a plain mapping from names to text: headers of a request or a message, or environment variables.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, MutableMapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any

from lineage._guard import guard
from lineage.context import parents
from lineage.context.baggage import read_baggage, write_baggage
from lineage.context.runs import ActiveRun, RemoteRun, active_run, innermost_run
from lineage.context.scopes import Attribution, Block, Scope, active_scope, current
from lineage.context.traces import Trace, read_trace, span_trace
from lineage.context.variables import give_back

Carrier = Mapping[Any, Any] | Iterable[tuple[Any, Any]]
"""What is read: a mapping, or pairs as ASGI has them; names and values are text or bytes."""

_HEADERS = ("traceparent", "tracestate", "baggage")
_NAMES = (*_HEADERS, parents.CONTEXT, parents.PARENT_ID, parents.ROOT_PARENT_ID)
_KNOWN = {name.lower(): name for name in _NAMES}
_LISTS = ("tracestate", "baggage")


@dataclass(frozen=True, slots=True)
class Received:
    """What a carrier says, as far as it is well-formed. `others` are the baggage members of others."""

    attribution: Attribution | None = None
    run: RemoteRun | None = None
    trace: Trace | None = None
    others: tuple[str, ...] = ()


class Remote:
    """What was received besides attribution and run, true in the process (its id) that received it."""

    __slots__ = ("others", "process", "trace")

    def __init__(self, received: Received) -> None:
        self.trace = received.trace
        self.others = received.others
        self.process = os.getpid()


active_remote: ContextVar[Remote | None] = ContextVar("lineage_remote", default=None)
"""What a carrier said that code here works under; where `process` is another one, it is true here no more."""


def _remote() -> Remote | None:
    remote = active_remote.get()
    return remote if remote is not None and remote.process == os.getpid() else None


def current_trace() -> Trace | None:
    """Return the trace that code here works in: the active OpenTelemetry span's, else the one attached."""
    remote = _remote()
    return span_trace() or (remote.trace if remote is not None else None)


def inject(
    carrier: MutableMapping[str, str] | None = None, *, environment: bool = False
) -> MutableMapping[str, str]:
    """Write for whom code here works, its run and its trace into a carrier, and return it; by default a dict.

    `environment` spells the names as environment variables are, as in `env=inject(dict(os.environ),
    environment=True)`. What stands there already under these names, in any case, is replaced, and taken away
    where there is nothing to say, so that nothing stale goes on. Baggage members of others stay, and so does
    a `traceparent` unless an OpenTelemetry span is active. Never raises.
    """
    written: MutableMapping[str, str] = {} if carrier is None else carrier
    with guard("writing a carrier"):
        for name, value in _outgoing(written).items():
            _put(written, name.upper() if environment else name, value)
    return written


def _outgoing(carrier: Mapping[str, str]) -> dict[str, str | None]:
    """Return each name's value, None for what must not stand in the carrier."""
    there = _texts(carrier)
    found: dict[str, str | None] = {}
    remote = _remote()
    trace = span_trace()
    if trace is None and remote is not None and "traceparent" not in there:
        trace = remote.trace
    if trace is not None:
        found |= {"traceparent": trace.parent, "tracestate": trace.state}
    others = list(read_baggage(there.get("baggage", ""))[1])
    keys = {_key(member) for member in others}
    others += [one for one in (remote.others if remote is not None else ()) if _key(one) not in keys]
    found["baggage"] = write_baggage(current(), others) or None
    run = innermost_run() or parents.process_parent()
    texts = parents.run_texts(run) if run is not None else {}
    return found | {name: texts.get(name) for name in _NAMES if name not in _HEADERS}


def _key(member: str) -> str:
    return member.partition("=")[0].strip()


def _put(carrier: MutableMapping[str, str], name: str, value: str | None) -> None:
    known = name.lower()
    for key in [key for key in carrier if known_name(key) == known]:
        if key != name or value is None:
            del carrier[key]
    if value is not None:
        carrier[name] = value


def known_name(key: object) -> str | None:
    """Return the lower-case name that a key of a carrier spells, `-` or `_` in it; None for all others."""
    text = key.decode("latin-1") if isinstance(key, bytes) else key
    if not isinstance(text, str):
        return None
    plain = text.lower().replace("-", "_")
    return plain if plain in _KNOWN else None


def read_carrier(carrier: Carrier) -> Received:
    """Return what a carrier says. What is malformed is left out; nothing raises."""
    received = Received()
    with guard("reading a carrier"):
        texts = _texts(carrier)
        attribution, others = read_baggage(texts.get("baggage", ""))
        trace = read_trace(texts.get("traceparent", ""), texts.get("tracestate", ""))
        received = Received(attribution, parents.read_run(texts), trace, others)
    return received


def _texts(carrier: Carrier) -> dict[str, str]:
    """Return the values of the names we know. Lists are joined; else two values for one name say nothing."""
    spelled: dict[str, dict[str, list[str]]] = {}
    for key, value in carrier.items() if isinstance(carrier, Mapping) else carrier:
        known = known_name(key)
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if known is not None and isinstance(text, str):
            spelling = key.decode("latin-1") if isinstance(key, bytes) else key
            spelled.setdefault(_KNOWN[known], {}).setdefault(spelling, []).append(text)
    found = {}
    for name, spellings in spelled.items():
        values = spellings.get(name) or next(iter(spellings.values()))
        if name in _LISTS:
            found[name] = ",".join(values)
        elif len(set(values)) == 1:
            found[name] = values[0]
    return found


class Attached:
    """What was received, holding in place of all that held outside."""

    __slots__ = ("_tokens", "remote", "run", "scope")

    def __init__(self, received: Received) -> None:
        self.scope = Scope(received.attribution) if received.attribution is not None else None
        run = received.run
        # Made here, where it is entered: it is true of this process.
        self.run: ActiveRun | None = RemoteRun(run.identity, run.root) if run is not None else None
        self.remote = Remote(received)
        self._tokens: tuple[Token[Any], Token[Any], Token[Any]] | None = None

    def __enter__(self) -> Attribution | None:
        self.enter()
        return self.scope.attribution if self.scope is not None else None

    def __exit__(self, *_: object) -> None:
        if self.scope is not None:
            self.scope.ended = True
        self.leave()

    def enter(self) -> None:
        """Hold for the code that runs now."""
        self._tokens = (
            active_scope.set(self.scope),
            active_run.set(self.run),
            active_remote.set(self.remote),
        )

    def leave(self) -> None:
        """Hold no more, without an end."""
        tokens, self._tokens = self._tokens, None
        if tokens is not None:
            give_back(active_scope, tokens[0], self.scope)
            give_back(active_run, tokens[1], self.run)
            give_back(active_remote, tokens[2], self.remote)

    @property
    def holds(self) -> bool:
        """Whether it is this that holds where the question is asked."""
        return active_remote.get() is self.remote


def attach(carrier: Carrier) -> Block:
    """Work for whom a carrier says: `with attach(message.headers): ...`, also `async with`.

    What was true outside is not true inside: where the carrier says nothing, there is no attribution and no
    run. The run it names is the parent of the runs begun inside. Malformed parts are left out; nothing
    raises. Attach what you trust: a stranger can write any actor into a header.
    """
    received = read_carrier(carrier)
    return Block(lambda: Attached(received))


class Handled(Attached):
    """What the message says that is handled now: whatever it does not say holds as it does outside."""

    __slots__ = ("_own",)

    def __init__(self, received: Received) -> None:
        super().__init__(received)
        self._own = self.scope
        if self.scope is None:
            self.scope = active_scope.get()
        open_run = innermost_run()
        if self.run is None or not (open_run is None or isinstance(open_run, RemoteRun)):
            self.run = active_run.get()
        outside = _remote()
        if received.trace is None and outside is not None:
            self.remote.trace = outside.trace

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            self._own.ended = True
        self.leave()


def handling(carrier: Carrier | None) -> Block:
    """Handle a message for whom its headers say: `with context.handling(record.headers): ...`.

    Unlike `attach`, the run that is open around it stays the run of what is done inside, and what the headers
    do not say is as outside: for a loop over messages in a run of its own. Where no run is open, the run that
    the headers name is the parent of the runs begun inside. None is a message without headers.
    """
    received = read_carrier(carrier) if carrier is not None else Received()
    return Block(lambda: Handled(received))
