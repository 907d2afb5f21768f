"""What is missing from the lineage in a store: a checklist, each check with what it found."""

from graph.queries.coverage.checklist import check_coverage
from graph.queries.coverage.findings import Check, CheckResult, Finding, Layer

__all__ = ["Check", "CheckResult", "Finding", "Layer", "check_coverage"]
