"""Lines of a structured log: one JSON object a line, as programs that gather logs take them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from graph.queries.answer import time_as_json


def log_line(time: datetime, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> str:
    """Return `{"time", "level", "logger", "message", ...}` with the fields; all but ASCII is escaped."""
    line = {"time": time_as_json(time), "level": level, "logger": logger, "message": message}
    return json.dumps({**line, **fields})
