"""Who and what the current code works for: its run, and the attribution of its queries.

Both are kept in context variables: they follow `await`, tasks and `asyncio.to_thread` by themselves.
Threads, executors and callbacks need `bind` or `ContextThreadPoolExecutor`, other processes a carrier.
"""

from lineage.context.runs import ActiveRun, RunIdentity, active_run
from lineage.context.scopes import Attribution, Scope, Use, current, current_scope, nobody, use

__all__ = [
    "ActiveRun",
    "Attribution",
    "RunIdentity",
    "Scope",
    "Use",
    "active_run",
    "current",
    "current_scope",
    "nobody",
    "use",
]
