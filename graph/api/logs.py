"""Log lines as JSON, one object a line."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from graph.exports.log_lines import log_line
from lineage.redaction import redact_text


class JsonLines(logging.Formatter):
    """Formats a record as `{"time", "level", "logger", "message", ...}`, with the fields given to it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = dict(getattr(record, "fields", {}))
        if record.exc_info:
            fields["exception"] = redact_text(self.formatException(record.exc_info))
        time = datetime.fromtimestamp(record.created, UTC)
        return log_line(time, record.levelname.lower(), record.name, record.getMessage(), fields)


CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonLines}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "loggers": {
        "lineage": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}
"""What `lineage serve` has the standard library's logging do."""
