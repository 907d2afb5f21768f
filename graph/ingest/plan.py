"""An event to the changes it makes: pure, nothing is read or written here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

from graph import nodes
from graph.errors import InvalidEventError
from graph.ingest.artifacts import artifacts
from graph.ingest.event import Entity, Event, too_long
from graph.ingest.facets import MEASURING
from graph.ingest.form import Apart, take_apart
from graph.ingest.observe import observations
from graph.ingest.queries import run_queries
from graph.ingest.windows import is_window, part_of, window, without_statements
from graph.nodes import Node, hash63
from graph.store.changes import (
    Alias,
    Changes,
    EventForm,
    EventKind,
    FacetChange,
    Measured,
    Mention,
    Rename,
    Role,
    RunChange,
    Window,
)
from graph.store.form_facets import dataset_node, facets_in, job_key
from graph.store.log_format import form_key_text
from graph.store.texts import WORD_CHARACTERS, is_long_word
from lineage.redaction import redact_text


def plan(event: Event) -> Changes:
    """Return what an accepted event changes."""
    apart = take_apart(event)
    form = _event_form(event, apart)
    statements = _window(event) if is_window(event) else None
    parent = _parent(event)
    return Changes(
        event_id=event.event_id,
        digest=event.digest,
        event_time=event.time,
        body=event.body,
        form=form,
        contents={facet.key: facet.raw for facet in apart.contents},
        holes=apart.holes,
        time_text=event.head[0] if event.is_plain else None,
        run=_run(event, statements) if event.kind is EventKind.RUN else None,
        measured=tuple(_measured(event)),
        parent=parent,
        root=_root(event, parent),
        observed=tuple(observations(event, form.shape_key)),
        artifacts=tuple(artifacts(event)),
        queries=run_queries(event, partial(_placed, form.shape_key, statements)),
    )


_forms: dict[int, EventForm] = {}
_FORMS_REMEMBERED = 20_000


def _event_form(event: Event, apart: Apart) -> EventForm:
    """Return what all events of this form change; worked out once."""
    text = form_key_text(apart.form)
    key = hash63(text)
    found = _forms.get(key)
    if found is None:
        part = part_of(without_statements(event) if is_window(event) else event)
        found = EventForm(
            key=key,
            text=text,
            kind=event.kind,
            owner=_owner(event),
            shape_key=part.shape_key,
            shape=part.shape,
            declares=_declares(event),
            facets=tuple(_facets(event, apart)),
            mentions=tuple(sorted(_mentions(event), key=lambda one: (one.entity, one.role))),
            renames=tuple(_renames(event)),
            drops=tuple(sorted(_drops(event))),
            problems=_problems(apart),
        )
        if len(_forms) >= _FORMS_REMEMBERED:
            _forms.clear()
        _forms[key] = found
    return found


def _window(event: Event) -> Window:
    return window(event, part_of(without_statements(event)))


def _owner(event: Event) -> int:
    if event.job is not None:
        return job_key(event.job.namespace, event.job.name)
    assert event.dataset is not None
    return -dataset_node(event.dataset.namespace, event.dataset.name)[0]


def _placed(shape_key: int, said: Window | None, number: int) -> tuple[int, int]:
    """Return where a statement of the event is read: the shape, and the place in it."""
    if said is None or not said.parts:
        return shape_key, number
    return said.parts[1 + number].shape_key, 0  # the first one is what is said without statements


def _run(event: Event, said: Window | None) -> RunChange:
    parent_run = _mapping(event.run_facets.get("parent", {}).get("run")).get("runId")
    error = _text(event.run_facets.get("errorMessage", {}).get("message"))
    shown = redact_text(error) if error is not None else None
    return RunChange(event.run_id, event.event_type, _text(parent_run), shown, said)


def _declares(event: Event) -> bool:
    """Say whether a JobEvent or DatasetEvent speaks of lineage: one with other facets alone replaces none."""
    if event.dataset is not None:
        return bool(event.dataset.facets.keys() & {"lineage", "columnLineage"})
    if event.kind is not EventKind.JOB or event.job is None:
        return False
    return event.inputs is not None or event.outputs is not None or "lineage" in event.job.facets


def _parent(event: Event) -> Node | None:
    return _job_above(event, event.run_facets.get("parent", {}))


def _root(event: Event, parent: Node | None) -> Node | None:
    """Return the root that stands above the parent, where there is one between."""
    root = _job_above(event, _mapping(event.run_facets.get("parent", {}).get("root")))
    return None if parent is None or root == parent else root


def _job_above(event: Event, said: Mapping[str, Any]) -> Node | None:
    job = _mapping(said.get("job"))
    namespace, name = _text(job.get("namespace")), _text(job.get("name"))
    if namespace is None or name is None or event.job is None:
        return None
    _require_short("the job above", namespace, name)
    itself = (namespace, name) == (event.job.namespace, event.job.name)
    return None if itself else _job(namespace, name)


_job = lru_cache(maxsize=10_000)(nodes.job)


def _named(event: Event) -> Iterator[tuple[int, Role, Entity]]:
    """Yield the job and the datasets that an event names."""
    if event.job is not None:
        yield job_key(event.job.namespace, event.job.name), Role.JOB, event.job
    own = (event.dataset,) if event.dataset is not None else ()
    for role, listed in ((Role.DATASET, own), (Role.INPUT, event.inputs), (Role.OUTPUT, event.outputs)):
        for dataset in listed or ():
            yield dataset_node(dataset.namespace, dataset.name)[0], role, dataset


def _mentions(event: Event) -> set[Mention]:
    # A run that did not complete wrote no schema.
    counts = event.event_type not in {"FAIL", "ABORT"}
    found: dict[tuple[int, Role], Mention] = {}
    for key, role, entity in _named(event):
        facet = entity.facets.get("sourceCodeLocation" if role is Role.JOB else "schema")
        said = (facet is not None) and (role is Role.JOB or counts)
        name = "sourceCodeLocation" if role is Role.JOB else "schema"
        known = found.get((key, role))
        if known is None or said:
            found[key, role] = Mention(key, role, (entity.facets.whole or {})[name].key if said else None)
    return set(found.values())


def _facets(event: Event, apart: Apart) -> Iterator[FacetChange]:
    """Yield the facets that the event's form gives; what is no object says nothing."""
    values = {facet.key: facet.value for facet in apart.contents}
    for (entity, name), key in facets_in(apart.form).items():
        facet = values[key]
        if type(facet) is dict and not is_long_word(name):
            gone = facet.get("_deleted") is True
            aliases = tuple(sorted(_symlinks(entity, facet))) if name == "symlinks" and not gone else ()
            yield FacetChange(entity, name, key, gone, aliases)


def _measured(event: Event) -> Iterator[Measured]:
    """Yield the facets of datasets and jobs that are others in each run."""
    found: dict[tuple[int, str], Measured] = {}
    for key, _, entity in _named(event):
        if not entity.measures:
            continue
        for facets in (entity.extra, entity.facets):
            whole = facets.whole or {}
            for name in MEASURING & whole.keys():
                facet = whole[name]
                if type(facet.value) is dict:
                    gone = facet.value.get("_deleted") is True
                    found[key, name] = Measured(key, name, facet.raw, gone)
    yield from found.values()


def _symlinks(target: int, facet: Mapping[str, Any]) -> Iterator[Alias]:
    """Yield the further names of a symlinks facet, as sent and normalised."""
    identifiers = facet.get("identifiers")
    for one in identifiers if isinstance(identifiers, list) else ():
        namespace, name = _text(_mapping(one).get("namespace")), _text(_mapping(one).get("name"))
        if namespace is None or name is None:
            continue
        key, node = dataset_node(namespace, name)
        _require_short("a symlink", namespace, name)
        if key != target:
            yield from {
                Alias(namespace, name, target, symlink=True),
                Alias(node.namespace, node.name, target, symlink=True),
            }


def _renames(event: Event) -> Iterator[Rename]:
    """Yield what lifecycleStateChange facets say was renamed: what is read is what others have renamed."""
    own = (event.dataset,) if event.dataset is not None else ()
    for entity in (*own, *(event.outputs or ())):
        facet = entity.facets.get("lifecycleStateChange", {})
        before = _mapping(facet.get("previousIdentifier"))
        namespace, name = _text(before.get("namespace")), _text(before.get("name"))
        if facet.get("lifecycleStateChange") != "RENAME" or namespace is None or name is None:
            continue
        _require_short("previousIdentifier", namespace, name)
        previous, node = dataset_node(namespace, name)
        target, _ = dataset_node(entity.namespace, entity.name)
        if previous != target:
            yield Rename(node, target)


def _drops(event: Event) -> set[int]:
    """Return the keys of the datasets that the event says are dropped: what is read is what others drop."""
    if event.kind is EventKind.JOB:
        return set()
    own = (event.dataset,) if event.dataset is not None else ()
    return {
        dataset_node(one.namespace, one.name)[0]
        for one in (*own, *(event.outputs or ()))
        if one.facets.get("lifecycleStateChange", {}).get("lifecycleStateChange") == "DROP"
    }


def _require_short(what: str, namespace: str, name: str) -> None:
    if (problem := too_long(what, namespace, name)) is not None:
        raise InvalidEventError([problem])


def _problems(apart: Apart) -> tuple[str, ...]:
    """Return what of the form is kept and not looked at."""
    words = {name for _, name in facets_in(apart.form) if is_long_word(name)}
    return tuple(
        f"the facet {word[:60]}... is in the log only: its name is longer than {WORD_CHARACTERS} characters"
        for word in sorted(words)
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
