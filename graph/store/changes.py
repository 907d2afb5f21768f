"""What ingest hands to a store: events as changes, what they say about lineage, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from graph.nodes import Node, hash63
from graph.records import EdgeKind, Origin, Transformation
from graph.store.artifacts import Artifact
from graph.store.history import Observation
from graph.store.queries import RunQueries, Used


class EventKind(IntEnum):
    """The three kinds of OpenLineage event; the values are those in the store."""

    RUN = 1
    JOB = 2
    DATASET = 3


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """One edge that an event claims, by node keys.

    `dataset` is the dataset of the target of a FIELD edge (0 otherwise).
    """

    origin: Origin
    kind: EdgeKind
    source: int
    target: int
    dataset: int = 0
    transformation: Transformation | None = None


def transformation_key(transformation: Transformation | None) -> int:
    """Return the integer key of a transformation, 0 for none."""
    if transformation is None:
        return 0
    t = transformation
    parts = (t.type, t.subtype, t.description, str(int(t.masking)))
    return hash63("".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True, order=True)
class Alias:
    """A further name of a dataset, as a producer sent it or (`symlink`) as a symlinks facet gives it."""

    namespace: str
    name: str
    target: int
    symlink: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """All that an event says about lineage. Events that say the same share one shape.

    `covered` are the datasets whose dataset lineage an explicit lineage facet settles, None when the event
    has no such facet. `sql` is what derivation needs (JSON), None when there is no SQL. `schema_fields` are
    the nodes of fields that its schema facets list.
    """

    claims: tuple[Claim, ...]
    nodes: Mapping[int, Node]
    aliases: tuple[Alias, ...]
    covered: tuple[int, ...] | None = None
    sql: bytes | None = None
    schema_fields: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Part:
    """What a window of a service's operation says of lineage, a statement at a time.

    `shape` builds what `shape_key` stands for and is called only when the store does not know that key.
    """

    shape_key: int
    shape: Callable[[], Shape]


@dataclass(frozen=True, slots=True)
class Window:
    """Says that a run is a window of a service's operation: what it says counts for a day, not for the run.

    `day` counts from the epoch; None where the event does not end the run. See decision 6 in docs/decisions.
    """

    day: int | None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class RunChange:
    """What one event says about its run; `event_type` is upper case (OTHER if absent), `error` redacted."""

    run_id: str
    event_type: str
    parent_run_id: str | None = None
    error: str | None = None
    window: Window | None = None


class Role(IntEnum):
    """What a dataset or job is to an event that names it; the values are those in the store."""

    JOB = 1
    INPUT = 2
    OUTPUT = 3
    DATASET = 4
    """The dataset of a DatasetEvent."""


@dataclass(frozen=True, slots=True, order=True)
class Mention:
    """That a form speaks of a dataset or job.

    `said` is the key of the content of which history is kept: the schema of a dataset, where the event's
    schemas count, or the place and version of a job's code. None where the form says no such thing.
    """

    entity: int
    role: Role
    said: int | None = None


@dataclass(frozen=True, slots=True)
class FacetChange:
    """A facet of a dataset or job that a form carries: the key of its content, `gone` where it is deleted.

    `aliases` are the further names that a symlinks facet gives.
    """

    entity: int
    name: str
    content: int
    gone: bool = False
    aliases: tuple[Alias, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """A facet of a dataset or job that is another with each event, as JSON; `gone` where it is deleted."""

    entity: int
    name: str
    body: bytes
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Rename:
    """That a dataset was renamed: `target` is its key, `previous` the node that it was before.

    What is said under the name before counts for the target.
    """

    previous: Node
    target: int


@dataclass(frozen=True, slots=True, eq=False)
class EventForm:
    """What all events of one form change, planned once.

    `text` is the form itself (see log_format.py). `owner` is the key of the job, or minus the key of the
    dataset of a DatasetEvent. `shape` builds what `shape_key` stands for and is called only when the store
    does not know that key. `declares` says whether a JobEvent or DatasetEvent speaks of lineage at all.
    `drops` are the keys of datasets that it says are dropped. `problems` says what of it is kept in the log
    and not looked at.
    """

    key: int
    text: bytes
    kind: EventKind
    owner: int
    shape_key: int
    shape: Callable[[], Shape]
    declares: bool
    facets: tuple[FacetChange, ...]
    mentions: tuple[Mention, ...]
    renames: tuple[Rename, ...] = ()
    drops: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """One accepted event, planned. Times are nanoseconds since the epoch, UTC.

    `contents` are the texts of the facets that form and holes refer to, by key; `holes` fill those of the
    form. `time_text` is eventTime as written, None where the log has to keep the whole of `body`: the event
    has more than a form can hold. `digest` is the hash of what it says (see `Identity` in chain.py).
    """

    event_id: bytes
    digest: bytes
    event_time: int
    body: bytes
    form: EventForm
    contents: Mapping[int, bytes]
    holes: list[bytes | int]
    time_text: str | None
    run: RunChange | None = None
    measured: tuple[Measured, ...] = ()
    parent: Node | None = None
    root: Node | None = None
    observed: tuple[Observation, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    queries: RunQueries | None = None

    @property
    def owner(self) -> int:
        """See EventForm."""
        return self.form.owner


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that are not an event we can keep, and why; they go to the dead letters."""

    body: bytes
    reasons: tuple[str, ...]


class Status(StrEnum):
    """What became of an event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event of a batch.

    `reasons` says why it was rejected, `problems` what of an accepted one is not looked at.
    """

    status: Status
    reasons: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Underived:
    """A shape whose SQL waits to be read; `sql` is `Shape.sql`."""

    shape_key: int
    sql: bytes


@dataclass(frozen=True, slots=True)
class Derivation:
    """What was read from one statement of a shape's SQL, kept beside the event and never in it.

    `place` is that of the statement's text among the shape's, from 0. `engine` and `version` are those of the
    parser that answered, `release` is ours. `certain` says that its tables are known without doubt; `claims`
    have an SQL origin. `problems` says what was not understood or not found. `uses` is what it reads and
    writes, also where it writes nothing.
    """

    place: int
    engine: str
    version: str
    release: str
    certain: bool
    claims: tuple[Claim, ...]
    nodes: Mapping[int, Node]
    problems: tuple[str, ...] = ()
    uses: frozenset[Used] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from all the SQL of a shape.

    `schemas` are the columns that the store gave for it, by dataset: () where it knew none. When they become
    others the SQL waits to be read again.
    """

    derivations: tuple[Derivation, ...]
    schemas: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Bytes that were rejected, and why when they were last tried; `received_at` is when they first came.

    `id` is a digest of the bytes: 32 hexadecimal digits.
    """

    id: str
    body: bytes
    reasons: tuple[str, ...]
    received_at: datetime
