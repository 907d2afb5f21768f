"""A replay from its plan to what differs: in a folder of its own, with an outbox and a store of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from graph.queries.trails import place_of, run_like, trail_of
from graph.store import open_store
from graph.store.base import LineageStore
from lineage._guard import guard
from lineage.config import current_config
from lineage.errors import ReplayError
from lineage.provenance.checkout import checked_out, put, stays_in
from lineage.provenance.keys import NAME, parameters_key
from lineage.provenance.replay import (
    Given,
    command_in,
    default_python,
    environment_by,
    plan,
    variables,
)
from lineage.provenance.repository import repository_of
from lineage.provenance.trails import Difference, Trail, compare, environment_differences


@dataclass(frozen=True, slots=True)
class Replayed:
    """What differs, what could not be compared (kind, name, why), and how the program exited."""

    differences: tuple[Difference, ...]
    unknown: tuple[tuple[str, str, str], ...]
    exit_code: int

    def items(self) -> list[dict[str, Any]]:
        """Return both as the items of the envelope."""
        differing = [_item(one.kind, one.name, one.before, one.after) for one in self.differences]
        return differing + [_item(kind, name, reason=why) for kind, name, why in self.unknown]


def _item(
    kind: str, name: str, recorded: str | None = None, replayed: str | None = None, reason: str | None = None
) -> dict[str, Any]:
    return {"kind": kind, "name": name, "recorded": recorded, "replayed": replayed, "reason": reason}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run as a store has it: its trail, and its place, from 0, among the runs of its job in one process."""

    trail: Trail
    place: int


def recorded(store: LineageStore, run_id: str) -> Recorded:
    """Return a run of a store; InvalidQueryError when there is none of this id."""
    trail = trail_of(store, run_id)
    return Recorded(trail, place_of(store, trail))


def given(parameters: dict[str, str], inputs: dict[str, str]) -> Given:
    """Return what the user gives, with the key of digests where there is one."""
    key = None
    with guard("reading the key of parameter digests"):
        key = parameters_key(_key_file()) if _key_file().exists() else None
    paths = {name: Path(path).expanduser().absolute() for name, path in inputs.items()}
    return Given(parameters, paths, key)


def _key_file() -> Path:
    config = current_config()
    return config.parameters_key or config.outbox / NAME


class Replay:
    """A run of which all is ready to be run again; leaving it removes what was made for it."""

    def __init__(self, recorded: Recorded, own: Given, repository: Path | None, python: str | None) -> None:
        self._own = own
        self._trail, self._place = recorded.trail, recorded.place
        self._stack = ExitStack()
        self.python = python or default_python()
        found = repository_of((repository or Path.cwd()).absolute())
        if found is None:
            raise ReplayError(
                f"{repository or Path.cwd()} is in no git repository: give a clone with --repository FOLDER"
            )
        self.plan = plan(self._trail, found.root, own)
        self.warnings = list(self.plan.warnings)
        self.elsewhere = list(self.plan.elsewhere)

    def __enter__(self) -> Replay:
        with ExitStack() as stack:
            made = stack.enter_context(tempfile.TemporaryDirectory(prefix="lineage-replay-"))
            self._folder = Path(made).resolve()
            self._tree = stack.enter_context(
                checked_out(self.plan.repository, self.plan.commit, self._folder / "tree")
            )
            self._fill()
            empty = self._folder / "empty"
            empty.mkdir()
            key = _key_file() if self._own.key is not None else None
            self._variables = variables(self.plan, self._folder, self._tree, key)
            self._argv, self._cwd = command_in(self.plan, self._tree, self.python)
            told = environment_by(self.python, self._code_folder(), empty, self._variables)
            for one in environment_differences(self._trail.environment, told):
                self.warnings.append(f"{one.kind} {one.name} was {one.before} and is {one.after}")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _fill(self) -> None:
        """Put the inputs into the tree, and make the folders that outputs are written to."""
        for one in self.plan.inputs:
            if one.inside is not None and one.source is not None:
                put(one.source, self._tree, one.inside)
        for name in self._trail.outputs:
            _, inside = self._trail.within(name)
            if inside == name[1]:
                continue
            if stays_in(self._tree, inside):
                (self._tree / inside).parent.mkdir(parents=True, exist_ok=True)
            else:
                self.elsewhere.append(name[1])

    def _code_folder(self) -> Path:
        entry = self._tree / str(self._trail.command.get("entry") or "")
        return entry.parent if entry.is_file() else self._cwd

    def run(self) -> Replayed:
        """Run the command and return what differs; what it prints goes to standard error."""
        sys.stderr.flush()
        done = subprocess.run(self._argv, cwd=self._cwd, env=self._variables, stdout=2, check=False)
        again = self._told()
        if again is None:
            missing = Difference("run", self._trail.job[1], "told", f"not told (exit code {done.returncode})")
            return Replayed((missing,), (), done.returncode)
        compared = compare(self._trail, again, self._own.key)
        return Replayed(compared.differences, compared.unknown, done.returncode)

    def _told(self) -> Trail | None:
        """Return the trail that the replay left."""
        from graph.ingest import derive, drain
        from lineage.outbox import outbox_files

        with closing(open_store(str(self._folder / "replay.db"))) as store:
            drain(store, outbox_files(self._folder / "outbox"))
            derive(store)
            run_id = run_like(store, self._trail, self._place)
            return None if run_id is None else trail_of(store, run_id)
