"""The bodies of Marquez's deprecated requests, as pydantic reads them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

Text = Annotated[
    str, StringConstraints(strip_whitespace=False, min_length=1, max_length=65_536, pattern=r"\S")
]
"""A text that is not blank."""

RunId = Annotated[str, AfterValidator(lambda text: str(UUID(text)))]


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class NamespaceBody(_Body):
    """What is declared of a namespace."""

    owner_name: Text
    description: str | None = None


class SourceBody(_Body):
    """What is declared of a source."""

    type: Text
    connection_url: str
    description: str | None = None


class TagBody(_Body):
    """What is declared of a tag."""

    description: str | None = None


class FieldBody(_Body):
    """A field of a dataset that is declared."""

    name: Text
    type: str | None = None
    tags: list[Text] | None = None
    description: str | None = None

    def said(self) -> dict[str, Any]:
        """Return the field as a schema facet has it."""
        return {"name": self.name, "type": self.type, "description": self.description}


class DatasetBody(_Body):
    """What is declared of a dataset."""

    type: Literal["DB_TABLE", "STREAM"]
    physical_name: Text
    source_name: Text
    fields: list[FieldBody] | None = None
    tags: list[Text] | None = None
    description: str | None = None
    run_id: RunId | None = None
    schema_location: str | None = None


class Name(_Body):
    """The namespace and the name of a dataset."""

    namespace: Text
    name: Text


class JobBody(_Body):
    """What is declared of a job."""

    type: Literal["BATCH", "STREAM", "SERVICE"]
    inputs: list[Name] | None = None
    outputs: list[Name] | None = None
    location: str | None = None
    description: str | None = None
    run_id: RunId | None = None
    tags: list[Text] | None = None

    def ends(self) -> dict[str, list[Name]]:
        """Return what the job reads and what it writes."""
        return {"inputs": self.inputs or [], "outputs": self.outputs or []}


class RunBody(_Body):
    """A run that is made before it begins."""

    id: RunId | None = None
    nominal_start_time: datetime | None = None
    nominal_end_time: datetime | None = None
    args: dict[str, str] | None = None
