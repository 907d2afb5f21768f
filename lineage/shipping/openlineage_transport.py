"""Delivery through any other transport of openlineage-python (kafka, file, composite, your own class)."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from lineage._guard import guard
from lineage.errors import DeliveryError
from lineage.outbox import Waiting
from lineage.shipping.secrets import without_secrets
from lineage.shipping.verdicts import DELIVERED, Fate, Verdict


class TransportSender:
    """Gives events one by one to the transport that openlineage-python makes from these options."""

    batches = False

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Raises DeliveryError (not retriable) when the transport cannot be made."""
        from openlineage.client.transport import get_default_factory

        self.options = options
        fault: BaseException | None = None
        with guard("making an OpenLineage transport"):
            try:
                self.transport = get_default_factory().create(copy.deepcopy(dict(options)))
            except Exception as raised:
                fault = raised
                raise
        if fault is not None:
            raise DeliveryError(self._told("cannot be made", fault), retriable=False)

    def post(self, event: Waiting) -> Verdict:
        """Emit one event; whatever the transport raises is taken as a failure that may pass."""
        fault: BaseException | None = None
        with guard("delivering through an OpenLineage transport"):
            try:
                self.transport.emit(event_object(event.body))
            except Exception as raised:
                fault = raised
                raise
        return Verdict(Fate.RETRY, self._told("failed", fault), ailing=True) if fault else DELIVERED

    def post_batch(self, events: Sequence[Waiting]) -> list[Verdict] | None:
        """Transports take single events."""
        return None

    def close(self) -> None:
        """Close the transport, giving it five seconds to send what it holds."""
        with guard("closing an OpenLineage transport"):
            self.transport.close(5.0)

    def _told(self, what: str, fault: BaseException) -> str:
        text = f"the transport {self.options.get('type')} {what}: {type(fault).__name__}: {fault}"
        return without_secrets(text, self.options)


def event_object(body: bytes) -> Any:
    """Return the openlineage-python event that serialises to this JSON.

    Transports look into events (Kafka for its message key, transformers to rename jobs), so they are
    given event objects; facets stay dicts but for `parent`, which Kafka reads. An event that the classes
    cannot carry without loss is returned as the dict it is, which every transport can serialise.
    """
    from openlineage.client.serde import Serde

    plain: dict[str, Any] = json.loads(body)
    try:
        event = _built(plain)
    except (KeyError, TypeError, ValueError, AttributeError):
        return plain
    return event if Serde.to_dict(event) == Serde.to_dict(plain) else plain


def _built(plain: dict[str, Any]) -> Any:
    from openlineage.client import event_v2 as v2

    known: dict[str, Any] = {name: plain.get(name) for name in ("eventTime", "producer")}
    if "dataset" in plain:
        event: Any = v2.DatasetEvent(dataset=_made(v2.StaticDataset, plain["dataset"]), **known)
    else:
        known["job"] = _made(v2.Job, plain["job"])
        for name, kind in (("inputs", v2.InputDataset), ("outputs", v2.OutputDataset)):
            known[name] = [_made(kind, one) for one in plain[name]] if name in plain else None
        if "run" in plain:
            state = v2.RunState(plain["eventType"]) if "eventType" in plain else None
            event = v2.RunEvent(run=_run(plain["run"]), eventType=state, **known)
        else:
            event = v2.JobEvent(**known)
    event.schemaURL = plain["schemaURL"]
    return event


def _made(kind: Any, plain: dict[str, Any]) -> Any:
    """Return an object of a class of theirs; facets that the event leaves out are None, not an empty dict.

    The parts of a parent facet have facets only since version 1-2-0 of that facet.
    """
    has_facets = any(attribute.name == "facets" for attribute in kind.__attrs_attrs__)
    return kind(**({"facets": None} if has_facets else {}) | plain)


def _run(plain: dict[str, Any]) -> Any:
    from openlineage.client import event_v2 as v2
    from openlineage.client.facet_v2 import parent_run

    run = _made(v2.Run, plain)
    parent = (run.facets or {}).get("parent")
    if isinstance(parent, dict):
        root = parent.get("root")
        facet = parent_run.ParentRunFacet(
            run=_made(parent_run.Run, parent["run"]),
            job=_made(parent_run.Job, parent["job"]),
            root=parent_run.Root(
                run=_made(parent_run.RootRun, root["run"]), job=_made(parent_run.RootJob, root["job"])
            )
            if root
            else None,
            producer=parent["_producer"],
        )
        facet._schemaURL = parent["_schemaURL"]
        run.facets = {**plain["facets"], "parent": facet}
    return run
