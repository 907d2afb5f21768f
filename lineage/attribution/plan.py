"""What the settings mean for the capture of queries, worked out once for each set of settings."""

from __future__ import annotations

from lineage._guard import guard
from lineage.attribution.callsite import Application
from lineage.attribution.sinks import Sink, sink_of
from lineage.config import Config, current_config
from lineage.errors import LineageError

MAX_PLANS = 64


class Plan:
    """Whether queries are captured, what counts as the application, and where queries go."""

    __slots__ = ("application", "config", "off", "sinks", "to_runs", "to_span")

    def __init__(self, config: Config) -> None:
        self.config = config
        named = {one for one in config.sink if isinstance(one, str)}
        self.to_runs = "lineage" in named
        self.to_span = "otel" in named
        self.sinks: list[Sink] = []
        for one in config.sink:
            if not isinstance(one, str) or one not in ("lineage", "otel", "none"):
                with guard("making a query sink"):
                    self.sinks.append(sink_of(one))
        self.off = config.disabled or not config.queries or not (self.to_runs or self.to_span or self.sinks)
        self.application = Application(config)


_plans: dict[int, Plan] = {}
_latest: Plan | None = None


def active_plan() -> Plan | None:
    """Return what the settings of here and now mean; None where they capture no queries. Never raises."""
    try:
        config = current_config()
    except LineageError:
        return None  # said by whatever else reads the settings
    plan = _latest
    if plan is None or plan.config is not config:
        plan = plan_of(config)
    return None if plan.off else plan


def plan_of(config: Config) -> Plan:
    """Return what some settings mean."""
    global _latest
    _latest = plan = _plans.get(id(config)) or _worked_out(config)
    return plan


def _worked_out(config: Config) -> Plan:
    if len(_plans) >= MAX_PLANS:
        _plans.clear()
    plan = _plans[id(config)] = Plan(config)  # it keeps its settings, so their id stays theirs
    return plan
