"""Runs: the decorator `track_lineage`, the block `track_run`, and the handle `Run`.

Nothing here loads openlineage until the first run begins.
"""

from lineage.tracking.block import track_run
from lineage.tracking.decorator import track_lineage
from lineage.tracking.run import Run, current_run

__all__ = ["Run", "current_run", "track_lineage", "track_run"]
