"""The verification of a whole log: its parts one after another, and whether those who signed are trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from graph.errors import InvalidQueryError
from graph.questions.signing import Checkpoint, NoCheckpointError, checkpoint_of
from graph.questions.verifying import finding_as_json
from graph.store.chain import Finding, FindingKind, Signed, Verified
from lineage.provenance.signing import key_id

_SHOWN = 100

AskPart = Callable[[str | None, Sequence[int]], Verified]
"""Verifies the part of a log behind a cursor; of these links it tells the values."""


@dataclass(slots=True)
class Verification:
    """What was found of a log. `findings` are the first hundred, `counts` says how many there are by kind.

    `latest` is the last checkpoint in it of which the signature holds, `signers` who signed how many, by the
    id of the key.
    """

    log: str = ""
    checked: int = 0
    removed: int = 0
    last: int = 0
    covered_from: int = 1
    uncovered: int = 0
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[FindingKind] = field(default_factory=Counter)
    signers: Counter[str] = field(default_factory=Counter)
    latest: Checkpoint | None = None

    def note(self, findings: Iterable[Finding]) -> None:
        """Take in what was found."""
        for each in findings:
            self.counts[each.kind] += 1
            if len(self.findings) < _SHOWN:
                self.findings.append(each)

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return not self.counts

    def as_json(self) -> dict[str, Any]:
        """Return it as it is published."""
        return {
            "verified": self.is_sound,
            "log": self.log or None,
            "checked": self.checked,
            "removed": self.removed,
            "last": self.last,
            "coveredFrom": self.covered_from,
            "uncovered": self.uncovered,
            "counts": {kind.value: count for kind, count in sorted(self.counts.items())},
            "findings": [finding_as_json(each) for each in self.findings],
            "checkpoint": None if self.latest is None else self.latest.body,
            "signers": dict(self.signers),
        }


def verify_all(
    ask: AskPart,
    *,
    trusted: Sequence[str] = (),
    outside: Checkpoint | None = None,
    start: Checkpoint | None = None,
    earlier: Iterable[str] = (),
    is_signed: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Verify a log from `start` on (None: its beginning), and the checkpoint that was kept outside of it.

    `trusted` are public keys: checkpoints by others are findings then, and so is that there are none, unless
    `is_signed` is false. When a trusted key names the next one, that takes its place. `earlier` are the
    statements signed before `start`, which a trusted key has to have signed. `progress` is told how many
    records were looked at, and the last number. Raises InvalidQueryError for a start that is not to be used.
    """
    trust = _Trust(trusted)
    for body in earlier:
        trust.follow(body)
    if start is not None:
        _require_start(start, outside, trust)
    found = Verification()
    passed = dict[int, bytes]() if start is None else {start.place.link: start.place.value}
    cursor = None if start is None else start.place.text
    wanted = [] if outside is None else [outside.place.link]
    for part in _parts(ask, cursor, wanted):
        _take_in(found, part, trust)
        passed.update(part.passed)
        if progress is not None:
            progress(found.checked, part.last)
        end = part
    if start is not None and start.log != found.log:
        raise InvalidQueryError(
            f"the checkpoint to begin at is of the log {start.log}, this one is {found.log}"
        )
    if trust.is_strict and is_signed and not found.signers and start is None:
        text = "there is no checkpoint that a trusted key signed"
        found.note([Finding(FindingKind.CHECKPOINT, text)])
    if outside is not None:
        found.note(_held_against(outside, found, passed, end, trust))
    return found


def _require_start(start: Checkpoint, outside: Checkpoint | None, trust: _Trust) -> None:
    """Raise InvalidQueryError unless the checkpoint to begin at can be believed and lies before the other."""
    if not (trust.covers(start) and start.is_signed()):
        raise InvalidQueryError("the checkpoint to begin at was not signed by a key that is trusted")
    trust.follow(start.body)
    if outside is not None and outside.place.link < start.place.link:
        raise InvalidQueryError("the checkpoint lies before the one to begin at: begin there, or earlier")


def _parts(ask: AskPart, cursor: str | None, wanted: Sequence[int]) -> Iterator[Verified]:
    """Yield the parts of a log from a cursor on."""
    while True:
        part = ask(cursor, wanted)
        yield part
        if part.end:
            return
        cursor = part.place.text


def _take_in(found: Verification, part: Verified, trust: _Trust) -> None:
    found.log, found.last = part.log_id, part.last
    found.covered_from, found.uncovered = part.covered_from, max(found.uncovered, part.uncovered)
    found.checked += part.checked
    found.removed += part.removed
    found.note(part.findings)
    for each in part.signed:
        found.note(_judged(each, part.log_id, trust, found))


class _Trust:
    """Whom to believe: the keys that were named, and those that they have passed it on to."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self.is_strict = bool(trusted)
        self.now = set(trusted)
        self.ever = set(trusted)

    def covers(self, checkpoint: Checkpoint) -> bool:
        """Tell whether the key of a checkpoint of now is trusted."""
        return not self.is_strict or checkpoint.key in self.now

    def follow(self, body: str) -> None:
        """Go on to the next key, where a trusted one names it."""
        try:
            checkpoint = checkpoint_of(body)
        except NoCheckpointError:
            return
        if checkpoint.next_key and self.covers(checkpoint) and checkpoint.is_signed():
            self.now = (self.now - {checkpoint.key}) | {checkpoint.next_key}
            self.ever.add(checkpoint.next_key)


def _judged(signed: Signed, log_id: str, trust: _Trust, found: Verification) -> list[Finding]:
    """Return what is wrong with a signed statement that stands in the log."""
    number = signed.before.next - 1
    try:
        checkpoint = checkpoint_of(signed.body)
    except NoCheckpointError as error:
        return [Finding(FindingKind.CHECKPOINT, f"link {signed.link} of the chain: {error}", number)]
    who = f"the checkpoint at number {number}"
    if not checkpoint.is_signed():
        return [
            Finding(FindingKind.SIGNATURE, f"{who} was not signed by its key, or says something else", number)
        ]
    if not trust.covers(checkpoint):
        text = f"{who} is signed by key {key_id(checkpoint.key)}, which is not trusted"
        return [Finding(FindingKind.SIGNATURE, text, number)]
    said = (checkpoint.log, checkpoint.place.link, checkpoint.place.next, checkpoint.place.value)
    if said != (log_id, signed.before.link, signed.before.next, signed.before.value):
        return [Finding(FindingKind.CHECKPOINT, f"{who} says something else than the log before it", number)]
    trust.follow(signed.body)
    found.signers[key_id(checkpoint.key)] += 1
    found.latest = checkpoint
    return []


def _held_against(
    outside: Checkpoint, found: Verification, passed: dict[int, bytes], end: Verified, trust: _Trust
) -> list[Finding]:
    """Return what is wrong where a checkpoint that was kept elsewhere is held against the log."""
    if not outside.is_signed():
        text = "the checkpoint that was given was not signed by its key, or says something else"
        return [Finding(FindingKind.SIGNATURE, text)]
    if trust.is_strict and outside.key not in trust.ever:
        text = f"the checkpoint that was given is signed by key {key_id(outside.key)}, which is not trusted"
        return [Finding(FindingKind.SIGNATURE, text)]
    if outside.log != found.log:
        text = f"the checkpoint that was given is of the log {outside.log}, this one is {found.log or 'none'}"
        return [Finding(FindingKind.CHECKPOINT, text)]
    link, number = outside.place.link, outside.number
    if link > end.place.link:
        text = f"the log ends at number {end.place.next - 1}, and had {number} at {outside.time}"
        return [Finding(FindingKind.TRUNCATED, text, end.place.next)]
    if link and passed.get(link) != outside.place.value:
        text = f"what the log has up to number {number} is not what it had at {outside.time}"
        return [Finding(FindingKind.CHECKPOINT, text, number)]
    return []
