"""What queries and operations cost, from the user's table of prices; what it does not name has no price.

The table is a TOML file, named by the setting `prices`::

    currency = "USD"

    [bigquery]
    per_tib_scanned = 6.25

    [postgresql]
    per_hour = 0.36

    [s3]
    per_gb_written = 0
    [s3.PUT]
    per_1000_requests = 0.005

    [openai."gpt-4o"]
    per_million_input_tokens = 2.5

Tables are named after systems or vendors, tables inside them after operations, models, or systems of the
vendor. The narrowest table that has a price gives it. GB and TB are powers of ten, TiB is a power of two.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from lineage._guard import logger
from lineage.errors import ConfigError

UNITS = {
    "per_tb_scanned": ("bytes_scanned", 1e12),
    "per_tib_scanned": ("bytes_scanned", 2.0**40),
    "per_gb_read": ("bytes_read", 1e9),
    "per_gb_written": ("bytes_written", 1e9),
    "per_gb_transferred": ("bytes_transferred", 1e9),
    "per_million_input_tokens": ("input_tokens", 1e6),
    "per_million_output_tokens": ("output_tokens", 1e6),
    "per_hour": ("duration_ns", 3.6e12),
    "per_1000_requests": ("count", 1e3),
    "per_million_messages": ("messages", 1e6),
}
"""A price's name: the measure it is for, and how much of it the price buys."""


Rate = tuple[str, float, float]
"""A measure, a price, and how much of the measure it buys."""

MAX_RATES = 1_000
"""How many systems, operations and targets a run keeps the prices of; after so many it begins anew."""


@dataclass(frozen=True, slots=True)
class Prices:
    """A table of prices in one currency; without a currency, the table of one who told no prices."""

    currency: str = ""
    tables: Mapping[str, Any] = field(default_factory=dict)

    def rates(self, vendor: str, system: str, within: tuple[str, ...]) -> list[Rate]:
        """Return the prices of what is done on a system.

        `within` are the names of the tables inside a system's that are asked first: operation and model.
        """
        tables = list(self._narrowest_first(vendor, system, within))
        found = []
        for name, (measure, amount) in UNITS.items():
            price = next((table[name] for table in tables if name in table), None)
            if price is not None:
                found.append((measure, price, amount))
        return found

    def _narrowest_first(
        self, vendor: str, system: str, within: tuple[str, ...]
    ) -> Iterator[Mapping[str, Any]]:
        of_vendor = self.tables.get(vendor, {})
        for wide in (self.tables.get(system, {}), of_vendor.get(system, {}), of_vendor):
            if isinstance(wide, Mapping):
                for name in within:
                    if isinstance(inner := wide.get(name), Mapping):
                        yield inner
                yield wide


class RunPrices:
    """The prices that hold for one run: read once, and all costs in one currency."""

    def __init__(self) -> None:
        self.currency: str | None = None
        self._read: dict[Path, Prices] = {}
        self._rates: dict[tuple[object, ...], list[Rate]] = {}

    def cost(
        self,
        path: Path | None,
        vendor: str,
        system: str,
        within: tuple[str, ...],
        measures: Mapping[str, int],
    ) -> float | None:
        """Return what measures cost by the prices in a file; None where none is for any of them.

        Prices in another currency than the first one that was used in the run are none.
        """
        if path is None:
            return None
        key = (path, vendor, system, within)
        rates = self._rates.get(key)
        if rates is None:
            if len(self._rates) >= MAX_RATES:
                self._rates.clear()
            rates = self._rates[key] = self._usable(path).rates(vendor, system, within)
        known = [
            price * measures[measure] / amount for measure, price, amount in rates if measure in measures
        ]
        return sum(known) if known else None

    def _usable(self, path: Path) -> Prices:
        found = self._read.get(path)
        if found is None:
            found = prices_at(path)
            if found.currency and found.currency != (self.currency or found.currency):
                logger.warning("A run has costs in %s: the prices in %s are left out.", self.currency, path)
                found = NO_PRICES
            self._read[path] = found
            self.currency = self.currency or found.currency or None
        return found


NO_PRICES = Prices()


def prices_at(path: Path | None) -> Prices:
    """Return the prices in a file; none, and a line in the log, where it cannot be used.

    A file that changes is read again.
    """
    if path is None:
        return NO_PRICES
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        changed = 0
    return _read(path, changed)


@lru_cache(maxsize=16)
def _read(path: Path, changed: int) -> Prices:
    try:
        return parsed(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except ConfigError as problem:
        logger.warning("%s; costs are not known.", problem)
    except (OSError, ValueError) as problem:
        logger.warning("The prices in %s cannot be read (%s); costs are not known.", path, problem)
    return NO_PRICES


def parsed(content: Mapping[str, Any], source: str) -> Prices:
    """Return the prices of a table; raises ConfigError for what is no price."""
    currency = content.get("currency")
    if not isinstance(currency, str) or not currency.strip():
        raise ConfigError("currency", currency, source, 'give a currency, such as "USD"')
    tables = {name: table for name, table in content.items() if name != "currency"}
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise ConfigError(name, table, source, "put prices into tables named after systems, such as [s3]")
        _check(name, table, source)
    return Prices(currency.strip(), tables)


def _check(place: str, table: Mapping[str, Any], source: str) -> None:
    for name, value in table.items():
        if isinstance(value, Mapping):
            _check(f"{place}.{name}", value, source)
        elif name not in UNITS:
            raise ConfigError(f"{place}.{name}", value, source, f"prices are called {', '.join(UNITS)}")
        elif isinstance(value, bool) or not isinstance(value, int | float) or not _is_price(value):
            raise ConfigError(f"{place}.{name}", value, source, "give a number that is not negative")


def _is_price(value: float) -> bool:
    return math.isfinite(value) and value >= 0
