"""Messages of confluent-kafka: what is published and received, and the context that goes with it.

The clients are C types, which take no attributes. `confluent_kafka.Producer` and `Consumer` become subclasses
of them, and the classes that are made of them already (`SerializingProducer`, the host's own) get those as
their bases: their objects of before are captured too. Clients that were made as `Producer(...)` before the
installation, or are by a name imported before it, are not.

One operation per call of `produce`, `poll` and `consume`, and of the asynchronous ones; a delivery that fails
later makes it a failed one. `produce_batch` takes no headers, so that no context goes with its messages.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import wraps
from types import FrameType
from typing import Any
from weakref import ref

from lineage._guard import guard
from lineage.errors import InstrumentError
from producers._base import Producer, missing, module_version, replace
from producers._confluent_kafka_async import hook_asynchronous
from producers._kafka import Call, Client, begin_publish, received, send_with_room
from producers._messages import end_operation, is_on, outgoing, size_of, undelivered

try:
    import confluent_kafka
    from confluent_kafka import KafkaError, KafkaException, cimpl
except ImportError as error:
    raise missing("confluent-kafka", "confluent-kafka", error) from error

_MAKING = guard("preparing a Kafka client")
_PRODUCING = guard("beginning to publish to Kafka")
_RECEIVING = guard("receiving from Kafka")

_PRODUCE = ("topic", "value", "key", "partition", "callback", "on_delivery", "timestamp", "headers")
"""The parameters of `produce` in their order."""

_SERVERS = ("bootstrap.servers", "bootstrap_servers", "metadata.broker.list")
_OWN_THREADS = "confluent_kafka.aio"
"""The module whose clients call those of C in threads of their own; its methods are hooked instead."""


class ConfluentKafkaProducer(Producer):
    """Captures the messages of all clients made from now on, or of those of some classes."""

    name = "confluent_kafka"
    minimum = "2.0.2"

    def hook(self, undo: ExitStack) -> None:
        """Put the subclasses in the place of the types, and below the classes that are made of them."""
        for base, made in _MADE.items():
            if vars(confluent_kafka)[base.__name__] is base:  # else a subclass of somebody else's
                replace(confluent_kafka, base.__name__, made.named, undo)
            kind: type
            for kind in base.__subclasses__():
                if kind is not made.below:
                    _stand_on(kind, base, made.below, undo)
        hook_asynchronous(_captures, _received, undo)

    def subject(self, target: Any) -> Any:
        """Return the class itself: the clients that it is asked about are its objects."""
        if not isinstance(target, type) or not issubclass(target, (cimpl.Producer, cimpl.Consumer)):
            raise InstrumentError(self.name, f"give a client class, not {type(target).__name__}")
        return target

    def version(self) -> str:
        """Return the version of confluent-kafka."""
        return module_version(confluent_kafka)


PRODUCER = ConfluentKafkaProducer()


def _stand_on(kind: type, base: type, below: type, undo: ExitStack) -> None:
    """Have a class of Python that is made of a type be made of its subclass, until `undo`."""
    held = ref(kind)

    def swap(old: type, new: type) -> None:
        if (found := held()) is not None:
            found.__bases__ = tuple(new if one is old else one for one in found.__bases__)

    with suppress(TypeError):  # a class with a layout of its own stays as it is
        swap(base, below)
        undo.callback(swap, below, base)


def _captures(kind: type) -> bool:
    """Whether the clients of a class are to be captured here and now."""
    return (PRODUCER.everywhere or any(PRODUCER.watches(one) for one in kind.__mro__)) and is_on()


def _client(subject: Any) -> Client | None:
    """Return what is known of a client that is to be captured here and now; None for all others."""
    if not _captures(type(subject)):
        return None
    found: Client | None = getattr(subject, "_lineage_client", None)
    if found is None:
        found = subject._lineage_client = Client()
    return None if found.inner else found


def _init(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        with _MAKING:
            given = {**(args[0] if args else {}), **kwargs}
            servers = next((given[name] for name in _SERVERS if name in given), None)
            maker = str(sys._getframe(1).f_globals.get("__name__"))
            report = given.get("on_delivery")
            self._lineage_client = Client(servers, report, inner=maker.startswith(_OWN_THREADS))

    return call


def _produce(produce: Callable[..., None]) -> Callable[..., None]:
    @wraps(produce)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> None:
        operation = None
        sent = plain = args, kwargs
        with _PRODUCING:
            client = _client(self)
            if client is not None:
                begun = begin_publish(_given("topic", args, kwargs), client.namespace, sys._getframe())
                reported = _with_report(client, begun, plain)
                sent, plain = _with_context(reported), reported
                operation = begun
        try:
            send_with_room(produce, self, sent, plain, KafkaException, _is_too_large)
        except BaseException as error:
            end_operation(operation, error)
            raise
        if operation is not None:
            end_operation(operation, messages=1, size=size_of(_given("value", args, kwargs)))

    return call


def _is_too_large(error: Any) -> bool:
    return bool(error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE)


def _with_context(call: Call) -> Call:
    """Return the arguments of `produce` with the context in the headers."""
    headers = _given("headers", *call)
    if not (headers is None or isinstance(headers, list | dict)):
        return call
    kept, ours = outgoing(headers.items() if isinstance(headers, dict) else headers or ())
    pairs = [*kept, *ours.items()]
    return _changed("headers", dict(pairs) if isinstance(headers, dict) else pairs, call) if ours else call


def _with_report(client: Client, operation: Any, call: Call) -> Call:
    """Return the arguments of `produce` with who hears of the delivery."""
    if not operation.recording:
        return call
    name = "callback" if _given("callback", *call) is not None else "on_delivery"
    then = _given(name, *call)
    return _changed(name, _reporting(operation, client.report if then is None else then), call)


def _changed(name: str, value: Any, call: Call) -> Call:
    args, kwargs = call
    at = _PRODUCE.index(name)
    if at < len(args):
        return (*args[:at], value, *args[at + 1 :]), kwargs
    return args, {**kwargs, name: value}


def _given(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    at = _PRODUCE.index(name)
    return args[at] if at < len(args) else kwargs.get(name)


def _reporting(operation: Any, then: Any) -> Callable[[Any, Any], None]:
    """Return what is told of a delivery: a message that did not get there was not published."""

    def report(error: Any, message: Any) -> None:
        if error is not None:
            undelivered(operation, KafkaException(error))
        if then is not None:
            then(error, message)

    return report


def _produce_batch(produce: Callable[..., int]) -> Callable[..., int]:
    @wraps(produce)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> int:
        operation = None
        with _PRODUCING:
            client = _client(self)
            if client is not None:
                operation = begin_publish(_given("topic", args, kwargs), client.namespace, sys._getframe())
        try:
            taken = produce(self, *args, **kwargs)
        except BaseException as error:
            end_operation(operation, error)
            raise
        end_operation(operation, messages=taken)
        return taken

    return call


def _poll(poll: Callable[..., Any]) -> Callable[..., Any]:
    """Return `poll` or `consume` with what it gives told of; a single message is handled from then on."""

    @wraps(poll)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        client = _asked(self)
        given = poll(self, *args, **kwargs)
        if client is not None and given:
            with _RECEIVING:
                _received(client, given, sys._getframe())
        return given

    return call


def _asked(subject: Any) -> Client | None:
    client = None
    with _RECEIVING:
        client = _client(subject)
        if client is not None:
            client.handling.end()
    return client


def _received(client: Client, given: Any, frame: FrameType) -> None:
    several = isinstance(given, list)
    messages = [one for one in (given if several else [given]) if one.error() is None]
    sizes = [(one.topic(), size_of(one.value()) or 0) for one in messages]
    received(sizes, client.namespace, frame)
    if messages and not several:
        client.handling.begin(messages[0].headers())


def _closing(close: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(close)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        _asked(self)
        return close(self, *args, **kwargs)

    return call


class _Passing(type):
    """The type of a subclass that passes for its base: whatever is of the base is of it, too."""

    def __instancecheck__(cls, instance: Any) -> bool:
        base = _PASSING.get(cls)
        return isinstance(instance, base) if base is not None else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: Any) -> bool:
        base = _PASSING.get(cls)
        return issubclass(subclass, base) if base is not None else super().__subclasscheck__(subclass)


class _Made:
    """The subclasses of a type: one to stand below other classes, and one with its name for the host."""

    __slots__ = ("below", "named")

    def __init__(self, base: Any, methods: Mapping[str, Any]) -> None:
        names = {name: getattr(base, name) for name in ("__module__", "__qualname__", "__doc__")}
        hooked = {name: hook(getattr(base, name)) for name, hook in methods.items() if hasattr(base, name)}
        # Without slots: of the layout of the base, which other classes can change their base for.
        self.below = type(base.__name__, (base,), {**names, **hooked, "__slots__": ()})
        self.named = _Passing(base.__name__, (self.below,), {**names, "__slots__": ("_lineage_client",)})


_MADE = {
    cimpl.Producer: _Made(
        cimpl.Producer, {"__init__": _init, "produce": _produce, "produce_batch": _produce_batch}
    ),
    cimpl.Consumer: _Made(
        cimpl.Consumer,
        {"__init__": _init, "poll": _poll, "consume": _poll, "close": _closing, "__exit__": _closing},
    ),
}
_PASSING: dict[type, Any] = {made.named: base for base, made in _MADE.items()}
