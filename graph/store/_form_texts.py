"""The texts of forms, of which many are kept by what they have that another one has not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graph.store.changes import EventForm
from graph.store.database import Database
from graph.store.log_format import form_of, packed_form


def form_texts(db: Database, numbers: Sequence[int]) -> dict[int, tuple[bytes, bytes]]:
    """Return the bytes and the sample of forms."""
    rows = db.execute(
        "SELECT t.number, t.body, t.base, b.body FROM each_key(?) AS k"
        " CROSS JOIN form_text AS t ON t.number = k.value LEFT JOIN form_text AS b ON b.number = t.base",
        (numbers,),
    )
    found = {}
    for number, body, base, body_of_base in rows:
        known = b"" if base is None else b"".join(form_of(bytes(body_of_base)))
        found[number] = form_of(bytes(body), known)
    return found


def put_texts(
    db: Database,
    forms: Mapping[int, EventForm],
    known: Mapping[int, tuple[int, bytes]],
    bases: dict[int, tuple[int, bytes]],
) -> None:
    """Keep new forms themselves: the first of an owner, and what is other in the others.

    `known` has the number and the sample of each, and `bases` by owner what it remembers of first ones.
    """
    unknown = {form.owner for form in forms.values()} - bases.keys()
    rows = db.execute(
        "SELECT f.owner, t.number, t.body FROM each_key(?) AS k CROSS JOIN form AS f ON f.owner = k.value"
        " CROSS JOIN form_text AS t ON t.number = f.number AND t.base IS NULL",
        (list(unknown),),
    )
    bases.update((owner, (number, b"".join(form_of(bytes(body))))) for owner, number, body in rows)
    texts = []
    for key, form in forms.items():
        number, sample = known[key]
        base, first = bases.get(form.owner, (None, b""))
        texts.append((number, base, packed_form(form.text, sample, first)))
        if base is None:
            bases[form.owner] = number, form.text + sample
    db.executemany("INSERT INTO form_text VALUES (?, ?, ?)", texts)
