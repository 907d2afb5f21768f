"""The id of an artifact: its content, read by a schema, made in an environment."""

from __future__ import annotations

import re

from lineage.errors import ContentError
from lineage.provenance.canonical import content_text, encode, hasher

_CONTENT = re.compile(r"[a-z]+-sha256:[0-9a-f]{64}")


def artifact_id(content: str, *, schema_version: str | None = None, environment_id: str | None = None) -> str:
    """Return `artifact-sha256:HEX` of a content hash, a schema version and the id of an environment.

    Each part counts by itself: a part that is absent is not an empty one, and no text moves from one to the
    next. The time and the run are no parts of it, so that a retry that makes the same makes the same
    artifact. ContentError when `content` is no content hash.
    """
    if not isinstance(content, str) or _CONTENT.fullmatch(content) is None:
        raise ContentError(f"{content!r} is no content hash: one looks like table-sha256: and 64 hex digits")
    digest = hasher("artifact")
    digest.update(encode((content, schema_version, environment_id)))
    return content_text("artifact", digest)
