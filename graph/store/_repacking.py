"""Forms after some of them have gone. Needs the transaction that writes it."""

from __future__ import annotations

from graph.store._form_texts import form_texts
from graph.store.database import Database
from graph.store.log_format import keys_in_rest, packed_form


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
