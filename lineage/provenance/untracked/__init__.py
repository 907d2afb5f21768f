"""Functions that read or write data untracked, found in the syntax tree: nothing is imported or run."""

from lineage.provenance.untracked.accepted import AcceptedFileError, lines_of, read_accepted, written_accepted
from lineage.provenance.untracked.module import Function
from lineage.provenance.untracked.tree import CodeCoverage, Unreadable, check_code

__all__ = [
    "AcceptedFileError",
    "CodeCoverage",
    "Function",
    "Unreadable",
    "check_code",
    "lines_of",
    "read_accepted",
    "written_accepted",
]
