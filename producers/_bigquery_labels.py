"""Labels and prefixes of job ids that are put on BigQuery's jobs on request: what the caller gives wins.

Limits: https://cloud.google.com/bigquery/docs/labels-intro#requirements and
https://cloud.google.com/bigquery/docs/reference/rest/v2/JobReference.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from google.cloud.bigquery import QueryJobConfig

from lineage.errors import InstrumentError

MAX_LABELS = 64
_KEY = re.compile(r"(?=[^\W\d_])[\w-]{1,63}")
_VALUE = re.compile(r"[\w-]{0,63}")
_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,900}")


def checked_labels(labels: Mapping[str, str] | None) -> dict[str, str]:
    """Return labels that BigQuery takes; raises InstrumentError for others."""
    if not isinstance(labels or {}, Mapping):
        raise InstrumentError(
            "bigquery", f"labels are a mapping of text to text, not {type(labels).__name__}"
        )
    checked = dict(labels or {})
    for key, value in checked.items():
        if not _is_label(key, _KEY):
            raise InstrumentError(
                "bigquery",
                f"label key {key!r}: give 1 to 63 small letters, digits, _ and -, beginning with a letter",
            )
        if not _is_label(value, _VALUE):
            raise InstrumentError(
                "bigquery", f"label {key}, value {value!r}: give up to 63 small letters, digits, _ and -"
            )
    if len(checked) > MAX_LABELS:
        raise InstrumentError("bigquery", f"{len(checked)} labels: a job takes {MAX_LABELS}")
    return checked


def _is_label(text: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(text, str) and text == text.lower() and pattern.fullmatch(text) is not None


def checked_prefix(prefix: str | None) -> str | None:
    """Return a prefix that job ids may begin with; raises InstrumentError for another."""
    if prefix is not None and not (isinstance(prefix, str) and _PREFIX.fullmatch(prefix)):
        raise InstrumentError(
            "bigquery", f"job_id_prefix {prefix!r}: give up to 900 letters, digits, _ and -"
        )
    return prefix


def labelled(client: Any, given: Any, labels: Mapping[str, str]) -> Any:
    """Return the configuration to run a query with: a copy of what was given, with labels besides.

    `given` is the caller's configuration or None; what is neither is the library's to refuse. The labels
    that would have held without us, of the caller or else of the client's defaults, win, and where a job
    would have more than it takes they alone stay.
    """
    if given is not None and not isinstance(given, QueryJobConfig):
        return given
    config = copy.deepcopy(given) if given is not None else QueryJobConfig()
    # Asking a configuration for its labels gives it some: they are read where they are kept.
    defaults = client._default_query_job_config
    theirs = config._properties.get("labels")
    if theirs is None and defaults is not None:
        theirs = defaults._properties.get("labels")
    theirs = dict(theirs or {})
    ours = [(key, value) for key, value in labels.items() if key not in theirs]
    config.labels = {**theirs, **dict(ours[: max(0, MAX_LABELS - len(theirs))])}
    return config
