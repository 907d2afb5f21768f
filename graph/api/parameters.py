"""What questions are asked with: the parameters of a GET, and the body of a POST."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Name = Annotated[
    list[str],
    Field(
        min_length=1,
        max_length=2,
        description="A URI, an id, the end of a name that is like no other, or NAMESPACE and NAME as two.",
    ),
]
Depth = Annotated[int | None, Field(ge=1, le=1_000_000, description="Hops; all the way where none is said.")]
Limit = Annotated[int, Field(ge=1, le=200_000, description="How many nodes or items a page has at most.")]
Cursor = Annotated[str | None, Field(description="The `next` of the page before.")]
Names = Annotated[list[str], Field(max_length=10_000)]
Listed = Annotated[int, Field(ge=1, le=1000, description="How many items a page has at most.")]


class Parameters(BaseModel):
    """Parameters that every question has; names are camelCase on the wire, and no others are known."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Timed(Parameters):
    """Of questions that may be asked as of an earlier time."""

    as_of: Annotated[
        str | None, Field(description="Answer as of this time (RFC 3339), or so long ago: 7d, 12h, 30m.")
    ] = None


class Paged(Timed):
    """Of questions that are answered by a graph: pages of its nodes, each with its edges."""

    limit: Limit = 1000
    cursor: Cursor = None


class Chain(Paged):
    """Of upstream, downstream and impact."""

    name: Name
    depth: Depth = None


class Columns(Paged):
    """Of columns."""

    name: Name
    depth: Depth = 1
    origins: bool = False


class Changes(Paged):
    """Of what changes of a dataset affect."""

    name: Name
    drop: Names = []
    rename: Annotated[Names, Field(description="A=B each.")] = []
    retype: Annotated[Names, Field(description="FIELD=TYPE each.")] = []
    schema_: Annotated[
        Any, Field(alias="schema", description="A whole new schema: its fields with name and type.")
    ] = None
    critical: Annotated[Names, Field(description="Names of what must not be hit.")] = []
    depth: Depth = None


class Diagnosed(Timed):
    """Of diagnose."""

    name: Name


class Between(Timed):
    """Of path."""

    source: str
    target: str


class Compared(Parameters):
    """Of compare."""

    a: Annotated[str | None, Field(description="A time, so long ago (7d), or the id of a run.")] = None
    b: Annotated[str | None, Field(description="Another one; now where none is given.")] = None
    job: Annotated[str | None, Field(description="Compare two versions of this job's code.")] = None
    limit: Limit = 1000
    cursor: Cursor = None


class Named(Parameters):
    """Of about, delete and undelete."""

    name: Name


class Command(BaseModel):
    """One thing that is said, as it stands in the log."""

    model_config = ConfigDict(extra="forbid")

    command: Annotated[str, Field(description="tag, untag, own, disown or describe.")]
    name: Annotated[str, Field(description="The tag, or the owner.")] = ""
    value: Annotated[
        str, Field(description="Of the tag, the type of ownership, or the description: empty takes it back.")
    ] = ""


class Said(Named):
    """Of annotate."""

    commands: Annotated[list[Command], Field(min_length=1, max_length=1000)]


class Searched(Parameters):
    """Of search."""

    text: str = ""
    types: Annotated[list[str], Field(description="dataset, job, field.", max_length=3)] = []
    namespaces: Names = []
    tags: Names = []
    owners: Names = []
    limit: Listed = 20
    cursor: Cursor = None


class Covered(Timed):
    """Of coverage."""

    checks: Annotated[list[str], Field(max_length=20)] = []
    critical: Names = []
    layers: Annotated[Names, Field(description="NAME=PATTERN each, in the order in which data flows.")] = []
    since: str = "30d"
    unfinished_after: str = "1d"
    older_than: str = "90d"


class Checked(Timed):
    """Of check."""

    expect: Annotated[
        Any, Field(description="What is declared, as an object of the keys `dataset` and `job`.")
    ] = None
    baseline: Annotated[bool, Field(description="Tell what is not as usual.")] = True
    sensitivity: Annotated[str, Field(description="low, default or high.")] = "default"
    since: Annotated[str, Field(description="Judge runs that ended from this time on, or so long ago.")] = (
        "1d"
    )
    now: Annotated[str | None, Field(description="When it is asked whether runs are missing.")] = None


class Ran(Timed):
    """Of runs."""

    job: Annotated[list[str], Field(max_length=2)] = []
    states: Annotated[list[str], Field(max_length=4)] = []
    under: Annotated[str | None, Field(description="Only the runs under this one, by its id.")] = None
    versions: Annotated[bool, Field(description="Tell the versions of datasets that they used.")] = False
    limit: Listed = 20
    cursor: Cursor = None


class Versioned(Timed):
    """Of history."""

    name: Name
    limit: Listed = 20
    cursor: Cursor = None


class Held(Timed):
    """Of whence."""

    name: Annotated[list[str], Field(max_length=2, description="A dataset, as in other questions.")] = []
    contents: Annotated[
        list[str], Field(max_length=10, description="Hashes of the content of what somebody holds.")
    ] = []
    run: Annotated[str | None, Field(description="The id of the run that wrote it.")] = None
    changed: Annotated[bool, Field(description="It was changed since that run.")] = False
    limit: Annotated[int, Field(ge=1, le=10_000, description="How many runs it tells of at most.")] = 1000


class Drilled(Timed):
    """Of drill."""

    names: Annotated[
        list[str], Field(max_length=1000, description="Datasets; drawn where none is named.")
    ] = []
    sample: Annotated[int, Field(ge=1, le=1000, description="How many are drawn.")] = 5
    seed: Annotated[str, Field(description="The same ones are drawn for the same seed.")] = ""
    sources: Annotated[Names, Field(description="Names or patterns of all that may be a source.")] = []
    limit: Annotated[int, Field(ge=1, le=10_000, description="How many runs a story has at most.")] = 1000


class Queried(Timed):
    """Of queries."""

    dataset: str | None = None
    field: str | None = None
    actor: str | None = None
    agent: str | None = None
    operation: str | None = None
    service: str | None = None
    fingerprint: str | None = None
    since: str | None = None
    limit: Listed = 20
    cursor: Cursor = None


class Verified(Parameters):
    """Of verify."""

    links: Annotated[
        list[int],
        Field(max_length=100, description="Links of the chain of which the value is told."),
    ] = []
    limit: Annotated[int, Field(ge=1, le=20_000, description="About how many records are looked at.")] = 5000
    cursor: Cursor = None


class Checkpoints(Parameters):
    """Of checkpoints."""

    limit: Listed = 100
    cursor: Cursor = None
