"""What a server is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass

_MEBI = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The settings of one server; sizes are in bytes, times in seconds."""

    store: str
    """The file of the store, or its PostgreSQL URL."""

    access: bool | None = True
    """Whether a token is needed (`lineage token`); without, everybody who reaches the server is an admin.

    None: as soon as there is a token, and from then on.
    """

    local: bool = False
    """Whether the server is reached from this machine only: pages of other sites are kept away, then."""

    readers: int = 4
    """How many questions are answered at once; each has a connection to the store."""

    body_limit: int = 32 * _MEBI
    """How large the body of a request may be, decompressed; larger ones are answered with 413."""

    body_seconds: float = 60.0
    """How long the body of a request may take to arrive; slower ones are answered with 408."""

    page_limit: int = 1000
    """How many items a page may have at most, whatever is asked for."""

    signing_key: str | None = None
    """The file of the key that checkpoints of the log are signed with; None: none are made."""

    checkpoint_seconds: float = 3600.0
    """How often a checkpoint is signed, where there is something new."""

    cors: tuple[str, ...] = ()
    """Origins whose pages may ask from a browser, such as `https://app.example.com`; `*` for all."""
