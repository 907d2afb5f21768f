"""A Dagster resource that says for which asset or op queries are."""

from __future__ import annotations

from typing import Any

from lineage.context import Use
from producers._base import missing
from producers.dagster import use_dagster_context

try:
    from dagster import ConfigurableResource
except ImportError as error:
    raise missing("dagster", "dagster", error) from error


class LineageResource(ConfigurableResource[Any]):  # type: ignore[misc]
    """Gives `use_context` to assets and ops, as in `with lineage.use_context(context): ...`.

    With `include_run_tags` queries are told with the tags of their Dagster run as well.
    """

    include_run_tags: bool = False

    def use_context(self, dagster_context: Any) -> Use:
        """Tell queries inside with their asset or op and its run: see `use_dagster_context`."""
        return use_dagster_context(dagster_context, include_run_tags=self.include_run_tags)
