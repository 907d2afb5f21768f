"""What is known of a dataset or job on the way: updates, rhythm, failures, amounts, schema, tests, code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from graph.queries.diagnosis.past import Past
from graph.queries.diagnosis.statistics import Jump, Rhythm, jump, rhythm, too_few
from graph.queries.diagnosis.versions import CodeChange, SchemaChange, code_change, schema_change
from graph.queries.occasions import ended, occasions
from graph.records import RunState
from graph.store.history import Assertion, JobRun, Said

_BROKEN = (RunState.FAIL, RunState.ABORT)


@dataclass(frozen=True, slots=True)
class AssertionResult:
    """The last result of one test; `since` is when it began to fail, `passed_at` when it last passed."""

    test: Assertion
    at: datetime
    run_id: str
    job: int
    parent_run_id: str | None
    since: datetime
    passed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many rows a job writes to a dataset: the last count, and its jump where it is one.

    `rows` is None when the last run did not say; `usual` is None when there are too few counts before.
    """

    job: int
    rows: int | None
    usual: float | None
    jump: Jump | None


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What is known of a job. `failures` are the failed or aborted runs that no good run made up for.

    `missed` is how many runs are missing by its rhythm, None when that is not known.
    """

    job: int
    runs: int
    last: JobRun | None
    last_good: JobRun | None
    failures: tuple[JobRun, ...]
    rhythm: Rhythm | None
    missed: int | None
    seconds: float | None
    duration: Jump | None
    code: CodeChange | None
    version: str | None


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What is known of a dataset; None is always *not known*. `late` is None when the rhythm is not known."""

    dataset: int
    updated: datetime | None
    updated_by: JobRun | None
    age: timedelta | None
    rhythm: Rhythm | None
    late: bool | None
    writers: tuple[int, ...]
    amounts: tuple[Amounts, ...]
    schema: SchemaChange | None
    schema_known: bool
    tests: tuple[AssertionResult, ...]
    writes: int
    """How many writes are known."""

    @property
    def unknown(self) -> list[str]:
        """What is not known, a phrase each."""
        said = []
        if not self.writers:
            said.append("nothing in the store writes it, so its freshness is not known")
        elif self.updated is None:
            said.append("no completed run that wrote it is known")
        elif self.rhythm is None:
            said.append(f"its rhythm is not known ({_counted(self.writes, 'write')} in the store)")
        if self.writers and all(each.rows is None for each in self.amounts):
            said.append("no row counts")
        elif self.writers and all(each.usual is None for each in self.amounts):
            said.append("too few row counts to tell what is usual")
        if not self.schema_known:
            said.append("no schema")
        return said


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def job_facts(past: Past, job: int) -> JobFacts:
    """Return what is known of a job."""
    runs = past.runs.get(job, ())
    good = [run for run in runs if run.state is RunState.COMPLETE]
    last_good = max(good, key=lambda run: (run.began, run.run_id), default=None)
    beat = rhythm(_times(good))
    took = [(run.began, run.seconds) for run in sorted(good, key=ended) if run.seconds is not None]
    said = past.of_kind(job, Said.CODE_VERSION)
    return JobFacts(
        job=job,
        runs=len(runs),
        last=runs[0] if runs else None,
        last_good=last_good,
        failures=_failures(runs, last_good),
        rhythm=beat,
        missed=None if beat is None or last_good is None else beat.missed(past.until - ended(last_good)),
        seconds=took[-1][1] if took else None,
        duration=jump(took),
        code=code_change(said, runs),
        version=max(said, key=lambda each: each.last).body[0][0] if said else None,
    )


def _failures(runs: Sequence[JobRun], last_good: JobRun | None) -> tuple[JobRun, ...]:
    """Return the failed runs, latest first, that no run made up for which began after them and completed."""
    return tuple(
        run for run in runs if run.state in _BROKEN and (last_good is None or ended(run) >= last_good.began)
    )


def dataset_facts(past: Past, dataset: int) -> DatasetFacts:
    """Return what is known of a dataset."""
    wrote = past.wrote(dataset)
    written = _times(wrote)
    beat = rhythm(written)
    updated = ended(wrote[0]) if wrote else None
    age = past.until - updated if updated is not None else None
    writers = tuple(sorted(past.writers.get(dataset, ())))
    schemas = [*past.of_kind(dataset, Said.WRITTEN_SCHEMA), *past.of_kind(dataset, Said.READ_SCHEMA)]
    return DatasetFacts(
        dataset=dataset,
        updated=updated,
        updated_by=wrote[0] if wrote else None,
        age=age,
        rhythm=beat,
        late=None if beat is None or age is None else age > beat.late_after,
        writers=writers,
        amounts=tuple(_amounts(job, [run for run in wrote if run.job == job], dataset) for job in writers),
        schema=schema_change(schemas, wrote, past.runs),
        schema_known=bool(schemas),
        tests=tuple(_results(past, dataset)),
        writes=len(written),
    )


def _times(runs: Iterable[JobRun]) -> list[datetime]:
    """Return when something was written, ascending, whichever jobs wrote it."""
    return [each.ended for each in occasions(runs)]


def _amounts(job: int, runs: Sequence[JobRun], dataset: int) -> Amounts:
    """Return the row counts of the runs of one job; mapped runs under one parent run are added up."""
    series = [(each.ended, each.rows(dataset)) for each in occasions(runs)]
    known = [(when, float(rows)) for when, rows in series if rows is not None]
    last = series[-1][1] if series else None
    found = jump(known, counts=True) if last is not None else None
    before = sorted(rows for _, rows in known[:-1])
    usual = None if last is None or too_few(known) else before[len(before) // 2]
    return Amounts(job, last, usual, found)


def _results(past: Past, dataset: int) -> Iterable[AssertionResult]:
    """Yield the last result of each test of a dataset."""
    seen: dict[tuple[str, str | None], list[AssertionResult]] = defaultdict(list)
    for run in past.tests.get(dataset, ()):
        for test in run.tests:
            result = AssertionResult(test, run.at, run.run_id, run.job, run.parent_run_id, run.at, None)
            seen[test.name, test.column].append(result)
    for results in seen.values():
        last = results[0]
        passed = next((each for each in results if each.test.passed), None)
        since = last.at
        for each in results:
            if each.test.passed:
                break
            since = each.at
        yield AssertionResult(
            last.test,
            last.at,
            last.run_id,
            last.job,
            last.parent_run_id,
            since,
            passed.at if passed else None,
        )
