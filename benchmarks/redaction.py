"""What a statement costs before anything of it leaves: a usual one, a long literal, dense texts of 1 MB.

"again" is a statement that was read before, "shape" is `shape_sql` (text and fingerprint), "mask" is
`mask_sql`; "in part" is said of texts so dense that only their beginning is read.
Times of the computation alone, the median of several repeats.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from lineage.redaction import shape_sql
from lineage.redaction.density import CHARACTERS, END
from lineage.redaction.masking import mask
from lineage.redaction.shapes import shape

USUAL = (
    "SELECT o.id, o.total, c.name FROM shop.orders o JOIN shop.customers c ON c.id = o.customer_id"
    " WHERE o.state = 'paid' AND o.total > 100.5 AND c.region IN (1, 2, 3) ORDER BY 2 DESC"
)

DENSE = {
    "numbers in a list": ",7",
    "strings in a list": ",'a'",
    "placeholders in a list": ", %s",
    "rows": ", (1, 'abc', NULL)",
    "rows with calls": ",(1,now())",
    "columns": ", t.column_name",
    "conditions": " and (x.y = 'b' or z in (1,2))",
    "cases": " case when a = 1 then 'x' end,",
    "words": " a",
    "comments": "a/**/",
    "line comments": "--\n",
    "empty strings": "'' ",
    "quoted names": '"a".',
    "open brackets": "(",
    "open square brackets": "[",
    "signs": "+",
    "dots": ".",
    "escaped quotes": "\\'",
    "keys of secrets": ",token = 1",
}


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median time of computation of some work."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1000)
    return statistics.median(times)


def _row(name: str, text: str, repeats: int) -> None:
    for dialect in ("postgres", "mysql", None):
        masked = milliseconds(lambda d=dialect: mask(text, d), repeats)
        shaped = milliseconds(lambda d=dialect: shape(text, d), repeats)
        part = "in part" if mask(text, dialect).endswith(END) else ""
        label = name if dialect == "postgres" else ""
        print(f"  {label:<26}{dialect!s:<10}{masked:>9.1f}{shaped:>9.1f}  {part}".rstrip())


def main(quick: bool) -> None:
    """Print what a usual statement costs, then a row for each text of 1 MB."""
    repeats, times = (1, 1_000) if quick else (7, 20_000)
    for dialect in ("postgres", None):
        first = milliseconds(lambda d=dialect: [shape(USUAL, d) for _ in range(times // 20)], repeats)
        masked = milliseconds(lambda d=dialect: [mask(USUAL, d) for _ in range(times // 20)], repeats)
        again = milliseconds(lambda d=dialect: [shape_sql(USUAL, d) for _ in range(times)], repeats)
        print(
            f"\n{len(USUAL)} characters, {dialect}: shape {first / (times // 20) * 1000:.0f} us,"
            f" mask {masked / (times // 20) * 1000:.0f} us, shape again {again / times * 1000:.2f} us"
        )
    print(f"\n  {'1,048,576 characters of':<26}{'dialect':<10}{'mask ms':>9}{'shape ms':>9}")
    _row("one literal", "SELECT a FROM t WHERE b = '" + "x" * (CHARACTERS - 28) + "'", repeats)
    for name, piece in DENSE.items():
        _row(name, "SELECT a" + piece * ((CHARACTERS - 8) // len(piece)), repeats)
