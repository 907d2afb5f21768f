"""Made-up SQL in every dialect with values planted in it, in every form that a dialect has for them."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import strategies as st

from lineage.redaction.readings import READINGS

PLANTED = "Zq7planted"
DIALECTS: list[str | None] = [None, *sorted(READINGS)]
ESCAPING = frozenset(
    name for name, readings in READINGS.items() if all("backslash" in one for one in readings)
)
DOUBLE = frozenset(name for name, readings in READINGS.items() if all("double" in one for one in readings))
AMBIGUOUS = frozenset(
    name for name, readings in READINGS.items() if len({"backslash" in one for one in readings}) > 1
)

_noise = st.text(alphabet="'\"\\$`[]()#-/*;,?@%:{} \n\tabq1.", max_size=8)
_word = st.sampled_from(["a", "b_2", '"Q c"', "t.x", "o.`d`", "é"])


def _single(inner: str, dialect: str | None) -> str:
    """A string as this dialect escapes it; where that is not known, as all read it alike."""
    if dialect == "bigquery":  # the one that does not double quotes
        return "'" + inner.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ") + "'"
    if dialect is None or dialect in AMBIGUOUS:
        inner = inner.replace("\\", "")
    elif dialect in ESCAPING:
        inner = inner.replace("\\", "\\\\")
    return "'" + inner.replace("'", "''") + "'"


@st.composite
def literals(draw: st.DrawFn, dialect: str | None) -> str:
    """A literal that holds what is planted, in a form that the dialect has."""
    inner = draw(_noise) + PLANTED + draw(_noise)
    forms: list[Callable[[], str]] = [lambda: _single(inner, dialect)] * 3
    if dialect in ("postgres", "redshift", "risingwave", "materialize"):
        escaped = inner.replace("\\", "\\\\").replace("'", "\\'")
        forms += [lambda: f"E'{escaped}'", lambda: f"e'{escaped}'"]
        forms.append(lambda: "U&" + _single(inner, dialect) + " UESCAPE '!'")
    if dialect in ("postgres", "snowflake", "duckdb", None):
        plain = inner.replace("$", "")
        forms += [lambda: f"$${plain}$$", lambda: f"$tag${plain} $tag$"]
    if dialect in ("oracle", None):
        for start, end in ("[]", "{}", "()", "<>", "!!", "||"):
            fenced = inner.replace(end, "").replace(start, "")
            forms.append(lambda s=start, e=end, f=fenced: f"q'{s}{f}{e}'")  # type: ignore[misc]
    if dialect in ("tsql", "fabric", "oracle", "postgres"):
        forms.append(lambda: "N" + _single(inner, dialect))
    if dialect in DOUBLE:
        double = inner.replace("\\", "\\\\").replace('"', '\\"')
        forms.append(lambda: f'"{double}"')
    if dialect == "bigquery":
        triple = inner.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"')
        forms += [lambda: f"'''{triple}'''", lambda: f'"""{triple}"""', lambda: f"r'{PLANTED}'"]
    return draw(st.sampled_from(forms))()


def _comment(draw: st.DrawFn) -> str:
    inner = re.sub(r"[*/\n]", "", draw(_noise) + PLANTED)
    return draw(st.sampled_from([f"/* {inner} */", f"-- {inner}\n", f"/*+ {inner} */", ""]))


@st.composite
def statements(draw: st.DrawFn) -> tuple[str | None, str, str]:
    """A dialect and two statements of one shape: other literals, and comments in the first only."""
    dialect = draw(st.sampled_from(DIALECTS))
    pieces: list[tuple[str, str]] = []

    def literal() -> tuple[str, str]:
        if draw(st.integers(0, 3)):
            return draw(literals(dialect)), "'x'"
        number = draw(st.integers(1000, 10**9))
        return draw(st.sampled_from([f"{number}", f"-{number}.{number}", f"{number}e7"])), "5"

    def many(least: int = 1) -> tuple[str, str]:
        planted = [literal()[0] for _ in range(draw(st.integers(least, 9)))]
        return ", ".join(planted), ", ".join(["5"] * draw(st.integers(1, 12)))

    word = draw(_word)
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.integers(0, 5))
        if kind == 0:
            one, other = literal()
            pieces.append((f"{word} = {one}", f"{word} = {other}"))
        elif kind == 1:
            one, other = many()
            pieces.append((f"{word} IN ({one})", f"{word} IN ({other})"))
        elif kind == 2:
            (low, low2), (high, high2) = literal(), literal()
            pieces.append((f"b BETWEEN {low} AND {high}", f"b BETWEEN {low2} AND {high2}"))
        elif kind == 3:
            one, other = literal()
            pieces.append((f"f(c, {one}) IS NULL", f"f(c, {other}) IS NULL"))
        elif kind == 4:
            one, other = literal()
            pieces.append((f"CASE WHEN d = {one} THEN 1 END > 2", f"CASE WHEN d = {other} THEN 7 END > 8"))
        else:
            rows, rows2 = many()[0], many()[1]
            pieces.append((f"(a, b) IN (({rows}), ({rows}))", f"(a, b) IN (({rows2}))"))
    one, other = " AND ".join(p for p, _ in pieces), " and ".join(p for _, p in pieces)
    first = f"SELECT a, {word} {_comment(draw)} FROM s.t {_comment(draw)} WHERE {one}"
    second = f"select A, {word} FROM S.T\nwhere {other}"
    return dialect, f"{first} {_comment(draw)}", second
