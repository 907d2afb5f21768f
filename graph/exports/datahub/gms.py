"""DataHub's metadata service (GMS), as proposals are sent to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import requests

from graph.errors import InvalidQueryError
from graph.exports.datahub import models
from graph.exports.datahub.proposals import Proposal
from lineage.errors import DeliveryError
from lineage.redaction import redact_text, redact_url

_PATIENCE = 30.0
_SERVER_S_OWN = 500
_RETRIED = (408, 429)
_CREDENTIALS = (401, 403)
_ALIKE = 3
"""Of so many proposals alone that all fail, the first ones of a batch, the fault is the server's."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A proposal that DataHub does not take, and why."""

    proposal: Proposal
    reason: str


class Gms:
    """A DataHub at a URL, with a token where it asks for one: `http://localhost:8080`."""

    def __init__(self, server: str, token: str | None) -> None:
        self.address = redact_url(server)
        self._emitter = models.DatahubRestEmitter(
            gms_server=server, token=token, timeout_sec=_PATIENCE, retry_max_times=1
        )
        self._checked = False

    def __enter__(self) -> Gms:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._emitter.close()

    def send(self, proposals: Sequence[Proposal]) -> list[Refused]:
        """Have DataHub hold these; return those that it refuses, the others are acknowledged.

        A batch that fails is tried one by one, so that one proposal holds back no other. Raises
        DeliveryError, retriable, when it cannot be reached, fails, or refuses the token.
        """
        self._check()
        try:
            self._emit(proposals)
        except models.OperationalError as error:
            status = self._answered(error)
            if len(proposals) == 1 and status < _SERVER_S_OWN:
                return [Refused(proposals[0], _reason(error))]
            return self._one_by_one(proposals)
        return []

    def _one_by_one(self, proposals: Sequence[Proposal]) -> list[Refused]:
        refused: list[Refused] = []
        taken = 0
        for each in proposals:
            try:
                self._emit([each])
                taken += 1
            except models.OperationalError as error:
                status = self._answered(error)
                refused.append(Refused(each, _reason(error)))
                alone = len(refused) >= min(_ALIKE, len(proposals))
                if status >= _SERVER_S_OWN and not taken and alone:
                    raise self._failed(error) from error
        return refused

    def _emit(self, proposals: Sequence[Proposal]) -> None:
        self._emitter.emit_mcps([each.wrapped for each in proposals])

    def _check(self) -> None:
        """Ask once whether it is a DataHub, and which of its ways in it offers."""
        if self._checked:
            return
        try:
            self._emitter.test_connection()
        except (models.ConfigurationError, models.OperationalError, requests.RequestException) as error:
            raise self._failed(error) from error
        self._checked = True

    def _answered(self, error: Exception) -> int:
        """Return the status by which something was refused; raise where it may be taken later."""
        status = _status(error)
        if status is None or status in (*_RETRIED, *_CREDENTIALS):
            raise self._failed(error) from error
        return status

    def _failed(self, error: Exception) -> DeliveryError:
        return DeliveryError(f"{self.address}: {_reason(error)}", retriable=True)


def configured() -> tuple[str, str | None]:
    """Return server and token as DataHub's own settings have them: its variables, else `~/.datahubenv`.

    Raises InvalidQueryError where there are none.
    """
    try:
        found = models.load_client_config()
    except models.MissingConfigError as error:
        raise InvalidQueryError(
            "no DataHub is configured: give --server, set DATAHUB_GMS_URL, or run `datahub init`"
        ) from error
    return str(found.server), found.token


def _status(error: Exception) -> int | None:
    """Return the HTTP status of what failed; None where there was no answer."""
    response = getattr(error.__cause__, "response", None)
    status = getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def _reason(error: Exception) -> str:
    told: Any = error.args[1] if len(error.args) > 1 else None
    message = told.get("message") if isinstance(told, dict) else None
    return redact_text(str(message or error).split("\n")[0], limit=300)
