"""Checkpoints that a server signs of its log, every so often, where its settings name a key."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from graph.ingest.verify import verify_page
from graph.questions.signing import NoCheckpointError, checkpoint_of, sign
from graph.store.base import LineageStore
from graph.store.chain import Place
from lineage.errors import KeyFileError, MissingDependencyError
from lineage.provenance.signing import SigningKey, read_key

logger = logging.getLogger("lineage.server")

_RECORDS = 2_000
"""So many are looked at in one step, so that all else that the thread does goes on."""


class Checkpointing:
    """Signs the log when it is time, once what came since the last checkpoint of the key is verified.

    So a log is read once, however often it is signed. Where something is found nothing is signed any more,
    and that is told whenever it would have been.
    """

    def __init__(self, key: Path, seconds: float) -> None:
        self._path = key
        self._seconds = seconds
        self._key: SigningKey | None = None
        self._place: Place | None = None
        self._due = 0.0

    def step(self, store: LineageStore) -> bool:
        """Do a part of what is due; True when nothing is."""
        if time.monotonic() < self._due:
            return True
        try:
            if not self._go_on(store):
                return False
        except (KeyFileError, MissingDependencyError) as error:
            logger.error("no checkpoint is signed: %s", error)
        self._due = time.monotonic() + self._seconds
        return True

    def _go_on(self, store: LineageStore) -> bool:
        """Verify the next part, and sign where the log ends and has more than was signed; True at the end."""
        if self._key is None:
            self._key = read_key(self._path)
            self._place = _last(store, self._key.public)
        page = verify_page(store, self._place, limit=_RECORDS)
        if page.findings:
            first = page.findings[0]
            logger.error("no checkpoint is signed: record %s of the log %s", first.number, first.text)
            return True
        if not page.end:
            self._place = page.place
            return False
        signed = {each.link for each in page.signed if _is_own(each.body, self._key.public)}
        if page.place.link and page.place.link not in signed:
            self._place = checkpoint_of(sign(store, self._key)).place
        return True


def _last(store: LineageStore, public: str) -> Place | None:
    """Return where the last checkpoint of a key ended; None where there is none that holds."""
    found, after = None, 0
    while page := store.signed(after=after):
        after = page[-1][0]
        for _, body in page:
            if _is_own(body, public):
                found = checkpoint_of(body).place
    return found


def _is_own(body: str, public: str) -> bool:
    try:
        checkpoint = checkpoint_of(body)
    except NoCheckpointError:
        return False
    return checkpoint.key == public and checkpoint.is_signed()
