"""The default catalog and schema that a script sets for what follows.

After USE, SET search_path and the like a name written with fewer parts is completed by what the script says,
as far as it says it: a catalog alone completes `schema.table` and leaves `table` as it is, for the schema
that a user starts with there is not in the text. Of a search path the first schema counts. Temporary tables,
files and stages have no schema.
"""

from __future__ import annotations

import re

from lineage.sql.results import StatementLineage, Table, renamed_tables

_PART = r'(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|\'[^\']+\'|[\w$@-]+)'
_NAME = rf"({_PART}(?:\s*\.\s*{_PART})*)"
_USE = re.compile(
    rf"\s*use\s+(?:(database|schema|catalog|namespace|role|warehouse|secondary)\s+)?{_NAME}\s*;?\s*", re.I
)
_SET = re.compile(
    rf"\s*(?:alter\s+session\s+)?set\s+(?:session\s+|local\s+)?"
    rf"(?:(search_path|current_schema|schema)|current\s+(schema|sqlid))\s*(?:=|\bto\b)?\s*{_NAME}.*",
    re.I | re.S,
)
_BIGQUERY = re.compile(rf"\s*set\s+@@(dataset_id|dataset_project_id)\s*=\s*{_NAME}\s*;?\s*", re.I)
# Dialects in which USE with one name chooses the database above the schemas.
_USE_IS_CATALOG = frozenset({"fabric", "snowflake", "tsql"})
_DATABASE_IS_CATALOG = frozenset({"snowflake"})
_NO_SCHEMA = ('"$user"', "'$user'", "$user", "pg_catalog")


class Session:
    """What the statements so far say about names."""

    def __init__(self, dialect: str | None) -> None:
        self._dialect = dialect
        self.catalog: str | None = None
        self.schema: str | None = None
        self._temporary: set[str] = set()

    def take(self, text: str) -> bool:
        """Take over what a statement sets, if it sets a default; returns whether it does."""
        head = text.lstrip()[:5].lower()
        if head.startswith("use"):
            return self._use(_USE.fullmatch(text))
        if head.startswith(("set", "alter")):
            found = _BIGQUERY.fullmatch(text)
            if found is not None:
                which = "schema" if found[1].lower() == "dataset_id" else "catalog"
                setattr(self, which, _parts(found[2])[-1])
                return True
            return self._set(_SET.fullmatch(text))
        return False

    def _use(self, found: re.Match[str] | None) -> bool:
        if found is None:
            return False
        level, parts = (found[1] or "").lower(), _parts(found[2])
        if level in ("role", "warehouse", "secondary"):
            return False
        only_catalog = level == "catalog" or (
            self._dialect in (_DATABASE_IS_CATALOG if level == "database" else _USE_IS_CATALOG)
            and level != "schema"
        )
        if len(parts) == 1 and self._dialect is None and self.catalog is not None:
            self.catalog = self.schema = None  # either a schema of that catalog or another catalog
        elif len(parts) == 1 and only_catalog:
            self.catalog, self.schema = parts[0], None
        else:
            self.catalog, self.schema = parts[-2] if len(parts) > 1 else self.catalog, parts[-1]
        return True

    def _set(self, found: re.Match[str] | None) -> bool:
        if found is None:
            return False
        name = found[3]
        if name.lower() in _NO_SCHEMA:
            rest = re.match(rf".*?,\s*{_NAME}", found[0][found.start(3) - found.start() :], re.S)
            if rest is None:
                return False
            name = rest[1]
        if name.lower() == "default":
            self.schema = None
        else:
            self.schema = _parts(name)[-1]
        return True

    def completed(self, statement: StatementLineage) -> StatementLineage:
        """Return a statement whose tables have the parts that the script says."""
        self._temporary |= {table.name.casefold() for table in statement.temporary}
        if self.catalog is None and self.schema is None:
            return statement
        tables = dict.fromkeys((*statement.inputs, *statement.outputs))
        names = {
            table.name: longer
            for table in tables
            if table.name.casefold() not in self._temporary
            and (longer := self._completed(table)) is not table
        }
        return renamed_tables(statement, names) if names else statement

    def _completed(self, table: Table) -> Table:
        if table.is_path or table.name[:1] in "#@":
            return table
        parts = table.parts
        if len(parts) == 1 and self.schema is not None:
            parts = (self.schema, *parts)
        if len(parts) == 2 and self.catalog is not None:
            parts = (self.catalog, *parts)
        return table if parts is table.parts else Table(parts)


def _parts(name: str) -> list[str]:
    parts = [part.strip() for part in re.findall(_PART, name)]
    # BigQuery quotes a whole dotted name; a bare part keeps its marks.
    return [piece for part in parts for piece in part.strip("\"`[]'").split(".")]
