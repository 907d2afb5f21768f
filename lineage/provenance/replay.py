"""What it takes to run a recorded run again: its commit, its command with values, its inputs, its
environment.

A plan is made without running anything that the record names. Whoever carries it out has shown it first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lineage.errors import ContentError, ReplayError
from lineage.provenance.checkout import has_file, require, stays_in
from lineage.provenance.command import PREFIX, command_of, filled, placeholders
from lineage.provenance.files import hash_file, hash_folder
from lineage.provenance.parameters import DIGEST
from lineage.provenance.trails import Trail, is_digest_of, path_within

_OTHERS = ("TRACEPARENT", "TRACESTATE", "BAGGAGE", "LINEAGE_JOIN", "LINEAGE_DISABLED", "LINEAGE_TOKEN")
"""Variables that would have the replay be part of something else, or tell somebody else."""

_PROBE = """
import json, pathlib, sys
from lineage.encoding import to_plain
from lineage.provenance.environment import environment_facet
print(json.dumps(to_plain(environment_facet(pathlib.Path(sys.argv[1])))))
"""


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the run: the path from the root it was read at (None: elsewhere), and where it is now.

    `source` is None where the commit itself has it, or where it is read in its own place.
    """

    name: str
    inside: str | None
    source: Path | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run is run again. `argv` has all values in it; `shown` is the same without those that were
    hidden.

    `warnings` say what is not as it was. `elsewhere` are the outputs that lie outside of the repository: a
    replay would write them again.
    """

    trail: Trail
    repository: Path
    argv: tuple[str, ...]
    shown: tuple[str, ...]
    allowed: tuple[str, ...]
    inputs: tuple[Input, ...]
    elsewhere: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def commit(self) -> str:
        """The commit to check out."""
        return str(self.trail.code["commit"])


@dataclass(slots=True)
class Given:
    """What the user gives to a replay: values by parameter, paths by input, and the key of digests."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Path] = field(default_factory=dict)
    key: bytes | None = None


def plan(trail: Trail, repository: Path, given: Given) -> Plan:
    """Return how a run is run again; ReplayError names what is missing for it."""
    _require_recorded(trail)
    commit = str(trail.code["commit"])
    require(repository, commit)
    warnings: list[str] = []
    if trail.code.get("dirty"):
        changes = trail.code.get("diffHash", "unknown")
        warnings.append(f"the run had changes that are in no commit ({changes}): the commit is run without")
    argv, allowed = _command(trail, given, warnings)
    if has_file(repository, commit, ".gitmodules"):
        warnings.append("the commit has submodules, which are not checked out")
    return Plan(
        trail,
        repository,
        argv,
        tuple(trail.command["argv"]),
        allowed,
        tuple(_inputs(trail, repository, commit, given, warnings)),
        tuple(_elsewhere(trail)),
        tuple(warnings),
    )


def _require_recorded(trail: Trail) -> None:
    missing = [
        what
        for what, told in (("commit", trail.code.get("commit")), ("command", trail.command.get("argv")))
        if not told
    ]
    if missing:
        raise ReplayError(
            f"run {trail.run_id} recorded no {' and no '.join(missing)}: replay takes a run that was tracked"
            ' with provenance="full" in a git repository'
        )


def _command(trail: Trail, given: Given, warnings: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the command with its values, and the names of parameters that were told by theirs."""
    argv = [str(one) for one in trail.command["argv"]]
    values = {name.removeprefix(PREFIX): value for name, value in given.parameters.items()}
    hidden = placeholders(argv)
    if unknown := [name for name in values if name not in hidden]:
        called = ", ".join(sorted(hidden)) or "none"
        raise ReplayError(f"the command has no parameter {unknown[0]!r} to give: it has {called}")
    if missing := [name for name in hidden if name not in values]:
        options = " ".join(f"--parameter {name}=VALUE" for name in missing)
        raise ReplayError(f"the command's values were recorded as digests: give them with {options}")
    for name in hidden:
        told = trail.parameters.get(f"{PREFIX}{name}") or ""
        same = is_digest_of(told, values[name], given.key) if given.key is not None else None
        if same is None:
            warnings.append(f"parameter {name} cannot be checked: its digest was made with another key")
        elif not same:
            warnings.append(f"parameter {name} is another value than the recorded one")
    complete = filled(argv, values)
    named = command_of(complete, None).values
    plain = [name for name, value in trail.parameters.items() if value and not value.startswith(DIGEST)]
    return tuple(complete), tuple(sorted({*plain, *(name for name in named if name not in hidden)}))


def _inputs(trail: Trail, repository: Path, commit: str, given: Given, warnings: list[str]) -> list[Input]:
    found = []
    left = dict(given.inputs)
    for name, artifact in trail.inputs.items():
        content = artifact.get("contentHash")
        if name[0] != "file":
            continue
        inside = path_within(trail.command.get("root"), name)
        own = left.pop(name[1], None) or left.pop(inside, None)
        if inside == name[1]:
            if own is not None:
                raise ReplayError(
                    f"the code reads {name[1]} there, outside of the repository: put {own} in its place"
                )
            _check(name[1], Path(name[1]), content, warnings)
            found.append(Input(name[1], None, None))
            continue
        candidates = [own] if own is not None else [Path(name[1]), repository / inside]
        source = _with_content(candidates, content)
        if source is None and own is None and has_file(repository, commit, inside):
            found.append(Input(inside, inside, None))
            continue
        source = source or next((one for one in candidates if one.exists()), None)
        _check(inside, source or candidates[0], content, warnings)
        found.append(Input(inside, inside, source))
    if left:
        known = ", ".join(name for namespace, name in trail.inputs if namespace == "file") or "none"
        raise ReplayError(f"the run read no file {next(iter(left))!r}: it read {known}")
    return found


def _check(name: str, path: Path, content: str | None, warnings: list[str]) -> None:
    """Warn of an input that is not as it was; ReplayError for one that is not there."""
    if not path.exists():
        raise ReplayError(f"input {name} is not at {path}: give it with --input {name}=PATH")
    now = _hash(path, content)
    if now is None:
        warnings.append(f"input {name} cannot be checked: its content has no hash of a file or folder")
    elif now != content:
        warnings.append(f"input {name} is not what it was: {path} has another content")


def _with_content(candidates: list[Path], content: str | None) -> Path | None:
    return next((one for one in candidates if content is not None and _hash(one, content) == content), None)


def _hash(path: Path, like: str | None) -> str | None:
    """Return the hash of a file or folder; None where the one asked for is of neither."""
    if like is None or not like.startswith(("bytes-", "tree-")):
        return None
    try:
        return hash_folder(path) if path.is_dir() else hash_file(path)
    except (OSError, ContentError):
        return "nothing that could be read"


def _elsewhere(trail: Trail) -> list[str]:
    """Return the outputs that are not files in the repository."""
    root = trail.command.get("root")
    inside = {name for name in trail.outputs if path_within(root, name) != name[1]}
    return [name[1] if name[0] == "file" else " ".join(name) for name in trail.outputs if name not in inside]


def variables(of: Plan, folder: Path, tree: Path, key: Path | None) -> dict[str, str]:
    """Return the environment of a replay: this one, with an outbox and a store of its own in `folder`.

    Hash seed and time zone are as recorded. Paths to the repository's own code lead into the tree.
    """
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("OPENLINEAGE") and name not in _OTHERS
    }
    nobody = folder / "openlineage.yml"  # so that no file elsewhere names somebody to tell
    nobody.touch()
    made = {
        "OPENLINEAGE_CONFIG": str(nobody),
        "LINEAGE_OUTBOX": str(folder / "outbox"),
        "LINEAGE_STORE": str(folder / "replay.db"),
        "LINEAGE_SHIP": "false",
        "LINEAGE_NAMESPACE": of.trail.job[0],
        "LINEAGE_PROVENANCE": "full",
        "LINEAGE_PARAMETERS_ALLOWED": ",".join(of.allowed),
    }
    if key is not None:
        made["LINEAGE_PARAMETERS_KEY"] = str(key)
    seed = str(of.trail.environment.get("hashSeed", "random"))
    made["PYTHONHASHSEED"] = seed
    if zone := of.trail.environment.get("timezone"):
        made["TZ"] = str(zone)
    if paths := ours.get("PYTHONPATH"):
        made["PYTHONPATH"] = paths.replace(str(of.repository), str(tree))
    return ours | made


def command_in(of: Plan, tree: Path, python: str) -> tuple[list[str], Path]:
    """Return the command to run in a checked out tree, and the folder to run it in."""
    entry = of.trail.command.get("entry")
    argv = list(of.argv[1:])
    if entry in argv and not Path(str(entry)).is_absolute() and "-m" not in argv[: argv.index(entry)]:
        argv[argv.index(entry)] = str(tree / str(entry))
    folder = str(of.trail.command.get("folder") or ".")
    return [python, *argv], tree / folder if stays_in(tree, folder) and (tree / folder).is_dir() else tree


def environment_by(python: str, code: Path, empty: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what another interpreter would tell of its environment for code in a folder.

    It is asked in an empty folder, so that nothing of the code is imported. ReplayError when it cannot tell.
    """
    try:
        done = subprocess.run(
            [python, "-P", "-c", _PROBE, str(code)],
            cwd=empty,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as fault:
        raise ReplayError(f"{python} cannot be run ({fault.strerror}): give another with --python") from None
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason"]
        raise ReplayError(f"{python} cannot tell its environment: {last[0]}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def default_python() -> str:
    """Return the interpreter that a replay is run with unless another is given: the one that runs this."""
    return sys.executable
