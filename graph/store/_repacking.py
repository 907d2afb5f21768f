"""What was packed together, after some of it has gone. Needs the transaction that writes it."""

from __future__ import annotations

from collections.abc import Collection

from graph.store._form_texts import form_texts
from graph.store._log import LogReader
from graph.store.database import Database
from graph.store.log_format import (
    contents_in,
    keys_in_rest,
    packed_contents,
    packed_form,
    packed_text,
    text_of,
)


def sample_contents(db: Database) -> set[int]:
    """Return the contents that the samples of forms refer to: examples are made of them."""
    numbers = [number for (number,) in db.execute("SELECT number FROM form").fetchall()]
    return {key for _, sample in form_texts(db, numbers).values() for key in keys_in_rest(sample, sample)}


def repack_forms(db: Database) -> None:
    """Keep no form any more that is there only for others to be packed with."""
    rows = db.execute(
        "SELECT f.owner, f.number FROM form AS f JOIN form_text AS t ON t.number = f.number"
        " WHERE t.base IS NOT NULL AND t.base NOT IN (SELECT number FROM form) ORDER BY f.owner, f.number"
    ).fetchall()
    texts = form_texts(db, [number for _, number in rows])
    bases: dict[int, int] = {}
    packed = []
    for owner, number in rows:
        base = bases.get(owner)
        known = b"" if base is None else b"".join(texts[base])
        packed.append((base, packed_form(*texts[number], known), number))
        bases.setdefault(owner, number)
    db.executemany("UPDATE form_text SET base = ?, body = ? WHERE number = ?", packed)
    db.execute("DELETE FROM form_text WHERE number NOT IN (SELECT number FROM form)")


def repack_contents(db: Database) -> None:
    """Take the texts out of packs of which there is no content any more."""
    db.execute("DELETE FROM content_pack WHERE number NOT IN (SELECT pack FROM content)")
    packs = dict(
        db.execute(
            "SELECT p.number, p.body FROM content_pack AS p"
            " JOIN (SELECT pack, count(*) AS used FROM content GROUP BY pack) AS c ON c.pack = p.number"
            " WHERE c.used < p.contents"
        ).fetchall()
    )
    staying: dict[int, list[tuple[int, int]]] = {}
    for key, number, place in db.execute(
        "SELECT key, pack, place FROM content WHERE pack IN (SELECT value FROM each_key(?) AS k)"
        " ORDER BY pack, place",
        (list(packs),),
    ):
        staying.setdefault(number, []).append((key, place))
    bodies, places = [], []
    for number, contents in staying.items():
        texts = contents_in(bytes(packs[number]))
        kept = packed_contents([texts[place] for _, place in contents])
        bodies.append((len(contents), kept, number))
        places += [(place, key) for place, (key, _) in enumerate(contents)]
    db.executemany("UPDATE content_pack SET contents = ?, body = ? WHERE number = ?", bodies)
    db.executemany("UPDATE content SET place = ? WHERE key = ?", places)


def unpack_sql(db: Database, forms: Collection[int], log: LogReader) -> None:
    """Keep the SQL of shapes on its own that is packed with the contents of these forms, which will go."""
    rows = db.execute(
        "SELECT s.key, s.sql, s.form FROM shape AS s WHERE s.sql IS NOT NULL"
        " AND s.form IN (SELECT value FROM each_key(?) AS k)",
        (list(forms),),
    ).fetchall()
    db.executemany(
        "UPDATE shape SET sql = ?, form = 0 WHERE key = ?",
        [(packed_text(text_of(bytes(sql), log.said_in(form))), key) for key, sql, form in rows],
    )
