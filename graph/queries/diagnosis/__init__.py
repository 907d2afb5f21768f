"""Diagnosis: the way from a number to its sources, what is known on it, and what may be the reason."""

from __future__ import annotations

from graph.queries.diagnosis.findings import Finding, Kind
from graph.queries.diagnosis.question import diagnose_metric
from graph.queries.diagnosis.result import Affected, Diagnosis

__all__ = ["Affected", "Diagnosis", "Finding", "Kind", "diagnose_metric"]
