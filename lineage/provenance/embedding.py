"""The id of a run put into what it wrote, and read back: in a copy, under another name, without a store."""

from __future__ import annotations

import dataclasses
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from lineage.datasets import parse_dataset
from lineage.errors import EmbedError, LineageError
from lineage.provenance.embedded import Embedded, Named, from_text, to_text
from lineage.provenance.files import database_at, hash_file, hash_folder
from lineage.provenance.replacing import copy_bytes, replace_file
from lineage.provenance.sidecars import other_sidecars, read_sidecar, sidecar_of, write_sidecar
from lineage.provenance.slots import Slot, filled, find_slot, slot_for


def embed(
    path: str | os.PathLike[str],
    *,
    run: str,
    job: tuple[str, str] | None = None,
    dataset: tuple[str, str] | None = None,
    time: datetime | None = None,
) -> Embedded:
    """Put the id of the run that wrote a file into the file, or beside it, and return what was put there.

    Parquet, Arrow and Feather get an entry of their footer's metadata, PNG a text chunk, SQLite and DuckDB
    a table `lineage_graph`; any other file, and a folder, gets `NAME.lineage.json` beside it. The content
    and its hash stay what they are: see `hash_file`. An id that is there is replaced. The file is read once
    for its hash and is replaced at once by a whole one: who reads it gets the old or the new; a link to it
    is followed.

    `job` and `dataset` are (namespace, name); the dataset is the path as `Dataset` names it when none is
    given. `time` is now. EmbedError when the id cannot be written: the file is what it was. OSError when it
    cannot be read, ContentError when it has no content hash.
    """
    place = Path(path).resolve()
    known, named = place.stat(), dataset or _named(place)
    content = _hash(place)
    when = time or datetime.now(UTC)
    id = Embedded(run, content, when, job and Named(*job), named and Named(*named), intact=True)
    try:
        return dataclasses.replace(id, place=_write(place, known, to_text(id)))
    except LineageError:
        raise
    except OSError as error:
        raise EmbedError(place, error.strerror or str(error)) from error


def read_embedded(path: str | os.PathLike[str], *, check: bool = True) -> Embedded | None:
    """Return the id in or beside a file or folder; None when there is none.

    `check` reads the whole file, and `intact` says whether its content is what the id was written for; an
    id beside the file is then also found under another name, by the content it tells. OSError when the file
    cannot be read, ContentError when it has no content hash.
    """
    place = Path(path).resolve()
    inside = _read(place)
    own = inside or read_sidecar(sidecar_of(place))
    if not check:
        return own
    if own is None and next(other_sidecars(place), None) is None:
        return None  # nothing that a hash could be compared with
    content = _hash(place)
    if own is not None and own.content == content:
        return dataclasses.replace(own, intact=True)
    if inside is None:
        for other in other_sidecars(place):
            if other.content == content:
                return dataclasses.replace(other, intact=True)
    return own and dataclasses.replace(own, intact=False)


def _hash(place: Path) -> str:
    return hash_folder(place) if place.is_dir() else hash_file(place)


def _named(place: Path) -> tuple[str, str] | None:
    with suppress(LineageError):
        dataset = parse_dataset(place)
        return dataset.namespace, dataset.name
    return None


def _read(place: Path) -> Embedded | None:
    if place.is_dir():
        return None
    with place.open("rb") as file:
        database = database_at(file)
        slot = None if database else find_slot(file)
    if database is not None:
        text, name = database.read_text(place), _kind(database)
    else:
        text, name = (slot.text, slot.place) if slot else (None, "")
    return from_text(text, name) if text is not None else None


def _write(place: Path, known: os.stat_result, text: str) -> str:
    """Write the text where it belongs, and return where that is."""
    if not place.is_dir():
        with place.open("rb") as file:
            database = database_at(file)
            if database is not None:
                database.write_text(place, text)
                return _kind(database)
            slot = slot_for(file)
            if slot is not None:
                _fill(place, known, file, slot, text)
                return slot.place
    write_sidecar(place, text)
    return sidecar_of(place).name


def _kind(database: ModuleType) -> str:
    return database.__name__.rpartition(".")[2]


def _fill(place: Path, known: os.stat_result, file: BinaryIO, slot: Slot, text: str) -> None:
    data = filled(file, slot, text)

    def write(new: BinaryIO) -> None:
        copy_bytes(file, new.write, 0, slot.start)
        new.write(data)
        copy_bytes(file, new.write, slot.end, known.st_size)

    replace_file(place, write, like=place, unchanged=known)
