"""What differs from what was declared, or from what is usual by the history in the store.

Expectations are in the module `expected`: they need pydantic, which a baseline does not.
"""

from graph.queries.checking.baseline import Baseline, check_baseline
from graph.queries.checking.findings import Basis, Finding, Kind, Learning
from graph.queries.checking.sensitivity import Sensitivity

__all__ = ["Baseline", "Basis", "Finding", "Kind", "Learning", "Sensitivity", "check_baseline"]
