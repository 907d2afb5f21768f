"""Which tier of provenance a run has, and what records it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.config import Config

if TYPE_CHECKING:
    from lineage.events import RunFacts
    from lineage.provenance.recording import Recording


def versions_of(
    facts: RunFacts,
    config: Config,
    *,
    tier: str | None = None,
    place: tuple[str, int] | None = None,
    parameters: tuple[str, ...] = (),
) -> Recording | None:
    """Return what records the versions of a run's data and code; None where nothing does.

    `tier` comes before the configured one. `place` is where the job's code is. `parameters` are names
    that are told by their values, besides those configured.
    """
    tier = tier or config.provenance
    if tier == "off":
        return None
    from lineage.provenance.recording import Recording

    file = place[0] if place is not None else None
    return Recording(facts, full=tier == "full", file=file, allowed=(*config.parameters_allowed, *parameters))
