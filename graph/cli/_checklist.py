"""The results of a checklist as people see them: a line a check, and below what was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import typer

from graph.cli._output import print_note, print_table, time_text
from graph.queries.coverage import CheckResult, Finding


def print_checklist(results: Sequence[CheckResult], fail_under: float, limit: int) -> None:
    """Print what each check covers, then up to `limit` findings of each by what is to be done."""
    print_table(["check", "covered", "share", "state"], [_row(each, fail_under) for each in results])
    for result in results:
        shown = result.findings[:limit]
        by_remedy: dict[str, list[Finding]] = defaultdict(list)
        for finding in shown:
            by_remedy[finding.remedy].append(finding)
        for remedy, findings in by_remedy.items():
            typer.echo(f"\n{result.check.value}: {remedy[0].upper()}{remedy[1:]}.")
            _print_findings(findings)
        if len(shown) < len(result.findings):
            print_note(f"There is more of {result.check.value}: --limit {len(result.findings)}")


def _row(result: CheckResult, fail_under: float) -> list[str]:
    if result.skipped is not None:
        return [result.check.value, "", "", f"skipped: {result.skipped}"]
    covered = f"{result.total - result.missing} of {result.total}"
    state = "FAILED" if result.fails(fail_under) else "ok"
    return [result.check.value, covered, _percent(result), state]


def _percent(result: CheckResult) -> str:
    """Return the share in percent, rounded down: what is not all is never shown as 100."""
    tenths = (result.total - result.missing) * 1000 // result.total if result.total else 0
    return f"{tenths / 10:g} %"


def _print_findings(findings: Sequence[Finding]) -> None:
    timed = any(each.since for each in findings)
    ran = any(each.run_id for each in findings)
    spaces = {each.node.namespace for each in findings if each.node is not None}
    several = len(spaces) > 1
    columns = ["where", "what is wrong"] + ["since"] * timed + ["run"] * ran + ["namespace"] * several
    rows = []
    for each in findings:
        row = [each.where, each.problem]
        row += [time_text(each.since) or ""] * timed + [each.run_id or ""] * ran
        rows.append(row + [each.node.namespace if each.node is not None else ""] * several)
    print_table(columns, rows)
