"""The contract of a store over a database that runs SQL: the same for every engine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime

from graph.errors import StoreError
from graph.store import _chain as chaining
from graph.store import _commands as commanding
from graph.store import _dead_letters as letters
from graph.store import _deriving as deriving
from graph.store import _early as early
from graph.store import _pruning as pruning
from graph.store import _replaying as replaying
from graph.store import _search_index as search_index
from graph.store import _verifying as verifying
from graph.store import _writing as write
from graph.store._access import SqlAccess
from graph.store._catalog import SqlCatalog
from graph.store._claims import KeyCollisionError
from graph.store._memory import Memory
from graph.store._removing import UnreadableLogError
from graph.store._run_saying import run_saying
from graph.store.access import Access
from graph.store.as_of import AsOfReader
from graph.store.base import LineageReader
from graph.store.catalog import Catalog
from graph.store.chain import Identify, Place, Verified
from graph.store.changes import Changes, DeadLetter, Outcome, Reading, Rejected, Underived
from graph.store.commands import Command
from graph.store.database import Database
from graph.store.history import RunSaying
from graph.store.log_format import text_of
from graph.store.retention import Policy, Pruned
from graph.store.sql_reader import SqlReader


class SqlStore(SqlReader):
    """A store in a database. It serves one thread; open another one for each further thread."""

    def __init__(self, db: Database, location: str, *, read_only: bool, format: int, patience: float) -> None:
        super().__init__(db, location, format=format)
        self.read_only = read_only
        self._patience = patience
        self._in_snapshot = False
        self._memory = Memory()
        self.access: Access = SqlAccess(db, self._errors, self._transaction)
        self.catalog: Catalog = SqlCatalog(db, self._log, self._errors)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r})"

    def __enter__(self) -> SqlStore:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def patience(self) -> float:
        """See LineageStore."""
        return self._patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._patience = seconds
        with self._errors():
            self._db.set_patience(seconds)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """See LineageStore."""
        if self._in_snapshot:
            yield
            return
        self._in_snapshot = True
        try:
            with contextlib.ExitStack() as ending:
                with self._errors():
                    ending.enter_context(self._db.snapshot())
                yield
        finally:
            self._in_snapshot = False

    def as_of(
        self, time: datetime, understand: Callable[[bytes], Changes | Rejected | Command]
    ) -> LineageReader:
        """See LineageStore."""
        return AsOfReader(
            self, self._db, time, understand, errors=self._errors, transformation=self._transformation
        )

    def run_saying(
        self, run_id: str, understand: Callable[[bytes], Changes | Rejected | Command]
    ) -> RunSaying | None:
        """See LineageStore."""
        with self._errors():
            return run_saying(self._db, self._log, run_id, understand, self._transformation)

    def verify(
        self,
        identify: Identify,
        place: Place | None = None,
        *,
        limit: int = 5000,
        wanted: Collection[int] = (),
    ) -> Verified:
        """See LineageStore."""
        with self.snapshot(), self._errors():
            return verifying.verify(self._db, identify, place, limit, wanted)

    def keep_signed(self, make: Callable[[str, Place, int], str]) -> str:
        """See LineageStore."""
        with self._transaction():
            return chaining.keep_signed(self._db, time.time_ns(), make)

    def signed(self, *, after: int = 0, limit: int = 1000) -> list[tuple[int, str]]:
        """See LineageStore."""
        with self._errors():
            return chaining.signed_statements(self._db, after, limit)

    def commands(self, *, after: int = 0, limit: int = 1000) -> list[tuple[int, Command]]:
        """See LineageStore."""
        with self._errors():
            return commanding.kept(self._db, after, limit)

    def apply(self, batch: Sequence[Changes | Rejected | Command]) -> list[Outcome]:
        """See LineageStore."""
        with self._transaction():
            return write.apply(self._db, batch, time.time_ns(), self._memory, self._log)

    def underived(self, limit: int, *, after: int = -1) -> list[Underived]:
        """See LineageStore."""
        with self._errors():
            return self._log.undisturbed(lambda: self._underived(limit, after))

    def _underived(self, limit: int, after: int) -> list[Underived]:
        rows = self._db.execute(
            "SELECT key, sql, form FROM shape WHERE waiting = 1 AND key > ? ORDER BY key LIMIT ?",
            (after, limit),
        )
        return [Underived(key, text_of(bytes(sql), self._log.said_in(form))) for key, sql, form in rows]

    def known_columns(self, datasets: Collection[int]) -> dict[int, tuple[str, ...]]:
        """See LineageStore."""
        with self._errors():
            return deriving.known_columns(self._db, datasets)

    def record_derivations(self, readings: Mapping[int, Reading]) -> None:
        """See LineageStore."""
        with self._transaction():
            deriving.record(self._db, readings, time.time_ns(), self._memory)

    def renew(self, is_older: Callable[[str, str, str], bool]) -> int:
        """See LineageStore."""
        with self._transaction():
            return deriving.renew(self._db, is_older)

    def index(self, limit: int = 200) -> bool:
        """See LineageStore."""
        with self._transaction():
            return search_index.index(self._db, limit)

    def bodies(self, *, after: int = 0, limit: int = 1000) -> list[tuple[int, bytes]]:
        """See LineageStore."""
        with self._errors():
            return self._log.bodies(after, limit)

    def rebuild(
        self,
        understand: Callable[[bytes], Changes | Rejected | Command],
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """See LineageStore."""
        with self._transaction():
            return replaying.replay(self._db, understand, time.time_ns(), self._memory, self._log, progress)

    def prune(
        self,
        policy: Policy,
        understand: Callable[[bytes], Changes | Rejected | Command],
        *,
        dry_run: bool = False,
    ) -> Pruned:
        """See LineageStore."""
        try:
            with self._errors():
                return pruning.prune(
                    self._db, self._transaction, policy, understand, self._memory, self._log, dry_run=dry_run
                )
        except UnreadableLogError as error:
            raise self._unreadable(error) from error

    def early_bodies(self, limit: int) -> list[tuple[int, bytes]]:
        """See LineageStore."""
        with self._errors():
            return early.bodies(self._db, limit)

    def forget_early(self, until: int) -> None:
        """See LineageStore."""
        with self._transaction():
            early.forget(self._db, until)

    def dead_letters(self, *, after: str | None = None, limit: int = 100) -> list[DeadLetter]:
        """See LineageStore."""
        with self._errors():
            return letters.dead_letters(self._db, after, limit)

    def dead_letters_like(self, prefix: str, *, limit: int = 2) -> list[DeadLetter]:
        """See LineageStore."""
        with self._errors():
            return letters.dead_letters_like(self._db, prefix, limit)

    def remove_dead_letters(self, ids: Collection[str]) -> int:
        """See LineageStore."""
        with self._transaction():
            return write.remove_dead_letters(self._db, ids)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        if self.read_only:
            raise StoreError(self.location, "opened read-only: nothing can be written to it")
        if self._in_snapshot:
            raise StoreError(self.location, "a snapshot of it is being read: write when that has ended")
        try:
            with self._errors(), self._db.transaction():
                yield
        except BaseException as error:
            self._memory.forget()
            self._log.forget()
            if isinstance(error, KeyCollisionError):
                problem = f"{error}: report this, nothing was kept of the batch"
                raise StoreError(self.location, problem) from error
            if isinstance(error, UnreadableLogError):
                raise self._unreadable(error) from error
            raise

    def _unreadable(self, error: UnreadableLogError) -> StoreError:
        return StoreError(
            self.location,
            f"{error}: nothing was changed by this step; use the release that took it in, and report this",
        )
