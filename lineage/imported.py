"""Libraries that are instrumented once a program imports them, as its environment says.

Nothing heavy is loaded for it: a program that imports none of them pays for a look at the entry points.
"""

from __future__ import annotations

import os
from functools import partial

from lineage._guard import guard, logger
from lineage.instruments import instruments, unknown

VARIABLE = "LINEAGE_INSTRUMENT"
"""The variable that names libraries, joined by commas, or `all`."""

ALL = "all"

_MODULES = {"bigquery": "google.cloud.bigquery", "snowflake": "snowflake.connector"}
"""What programs import of libraries whose integrations are called otherwise."""


def instrument_when_imported(names: str) -> None:
    """Have the libraries that a text names (`sqlalchemy,psycopg`, or `all`) instrumented once imported.

    An unknown name is told of in the log. Never raises.
    """
    with guard("instrumenting libraries when they are imported"):
        from wrapt import register_post_import_hook

        known = instruments()
        wanted = {name.strip() for name in names.split(",")} - {""}
        wanted = (wanted | known.keys()) - {ALL} if ALL in wanted else wanted
        for name in sorted(wanted):
            integration, _, module = name.partition(":")
            if integration in known:
                imported = module or _MODULES.get(integration, integration)
                register_post_import_hook(partial(_imported, name), imported)
            else:
                logger.warning("Not instrumented: %s", unknown(name, known))


def _imported(name: str, module: object) -> None:
    with guard(f"instrumenting {name}"):
        from lineage.setup import configure
        from lineage.tracking.joining import join

        join(os.environ)
        configure(instruments=[name])
