"""Who and what the current code works for: its run, and the attribution of its queries.

Both are kept in context variables: they follow `await`, tasks and `asyncio.to_thread` by themselves.
Threads, executors and callbacks need `bind` or `ContextThreadPoolExecutor`, other processes a carrier.
"""

from lineage.context.carriers import attach, current_trace, handling, inject
from lineage.context.parents import process_parent
from lineage.context.runs import (
    ActiveRun,
    RemoteRun,
    RunIdentity,
    active_run,
    completions,
    innermost_run,
    process_runs,
)
from lineage.context.scopes import Attribution, Block, Scope, Use, current, current_scope, nobody, use
from lineage.context.threads import ContextThreadPoolExecutor, bind, run_with_context

__all__ = [
    "ActiveRun",
    "Attribution",
    "Block",
    "ContextThreadPoolExecutor",
    "RemoteRun",
    "RunIdentity",
    "Scope",
    "Use",
    "active_run",
    "attach",
    "bind",
    "completions",
    "current",
    "current_scope",
    "current_trace",
    "handling",
    "inject",
    "innermost_run",
    "nobody",
    "process_parent",
    "process_runs",
    "run_with_context",
    "use",
]
