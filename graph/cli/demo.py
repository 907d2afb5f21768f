"""`lineage demo`: a small warehouse, two days of its pipeline, and questions about it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from graph.errors import InvalidQueryError
from lineage.config import configure
from lineage.errors import MissingDependencyError

_DATA = ("lake", "shop.duckdb", "lineage.db", "lineage.db-shm", "lineage.db-wal", "outbox")
_OURS = ("pipeline.py", ".gitignore", *_DATA)
_MARK = Path(".git", "lineage-demo")
"""A file in a repository of ours: no other one is ever replaced."""
_DAYS = ("2026-01-01", "2026-01-02")

Folder = Annotated[
    Path, typer.Option("--folder", help="Where the demo is built; an earlier one is replaced.")
]


def demo(folder: Folder = Path("lineage-demo")) -> None:
    """Build a small warehouse from Parquet files with DuckDB, and ask questions about its lineage.

    The pipeline is an ordinary script (pipeline.py in the folder, a git repository of its own where there is
    git). It runs for two days; on the second, one of its steps meets bad input and fails.
    """
    for package in ("duckdb", "pyarrow"):
        if find_spec(package) is None:
            raise MissingDependencyError(package, extra="demo")
    home = _new_home(folder)
    store = str(home / "lineage.db")
    configure(store=store, outbox=home / "outbox")
    for day in _DAYS:
        _run_pipeline(home, day, store)
    _take_in(store)
    _ask("What is gold.daily_revenue made from?", ["upstream", "gold.daily_revenue"], store)
    _ask("How is its revenue made?", ["columns", "gold.daily_revenue.revenue"], store)
    _ask("What breaks if silver.orders.amount goes?", ["impact", "silver.orders.amount"], store)
    _ask("Which run failed?", ["runs", "--state", "FAIL"], store)
    _ask("What is stale because of it?", ["downstream", "pipeline.clean_orders"], store)
    _say_what_next(folder)


def _new_home(folder: Path) -> Path:
    home = folder.absolute()
    ours = {*_OURS, *(_MARK.parts[:1] if (home / _MARK).is_file() else ())}
    strangers = sorted({entry.name for entry in home.iterdir()} - ours) if home.is_dir() else []
    if strangers or (home.exists() and not home.is_dir()):
        found = f"holds {', '.join(strangers[:3])}" if strangers else "is a file"
        raise InvalidQueryError(f"{folder} {found}, which is no demo: give another --folder")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    shutil.copyfile(Path(__file__).with_name("demo_pipeline.py"), home / "pipeline.py")
    _commit(home)
    return home


def _commit(home: Path) -> None:
    """Keep the pipeline in a git repository, so that its runs have a version of their code."""
    git = shutil.which("git")
    if git is None:
        typer.echo("There is no git here: which version of the code ran will not be known.", err=True)
        return
    (home / ".gitignore").write_text("".join(f"/{name}\n" for name in _DATA))
    nobody = ("-c", "user.name=demo", "-c", "user.email=demo@shop.example", "-c", "commit.gpgSign=false")
    for words in (
        ("init", "--quiet", "--template="),
        ("add", "pipeline.py", ".gitignore"),
        (*nobody, "commit", "--quiet", "--message=Build the shop's warehouse"),
    ):
        subprocess.run([git, *words], cwd=home, check=True, capture_output=True)
    (home / _MARK).touch()


def _run_pipeline(home: Path, day: str, store: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENLINEAGE")}
    environment |= {"LINEAGE_STORE": store, "LINEAGE_OUTBOX": str(home / "outbox")}
    typer.echo(f"$ python pipeline.py {day}")
    run = subprocess.run(
        [sys.executable, "pipeline.py", day],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    typer.echo(_error_line(run.stderr) if run.returncode else "done")


def _take_in(store: str) -> None:
    """Take in all that the pipeline told: a question would wait for it no longer than people do."""
    from graph.ingest import derive, drain
    from graph.store import open_store

    with closing(open_store(store)) as kept:
        drain(kept)
        derive(kept)


def _error_line(trace: str) -> str:
    """Return the line of a traceback that says what was raised."""
    lines = trace.splitlines()
    last_frame = max((place for place, line in enumerate(lines) if line.startswith("  File")), default=0)
    return next((line for line in lines[last_frame:] if line and not line.startswith(" ")), "failed")


def _ask(question: str, command: list[str], store: str) -> None:
    from graph.cli import app

    typer.echo(f"\n{question}\n$ lineage {' '.join(command)}")
    app([*command, "--store", store], prog_name="lineage", standalone_mode=False)


def _say_what_next(folder: Path) -> None:
    typer.echo(
        f"""
The pipeline is {folder}/pipeline.py. Ask more of its lineage:

  cd {folder} && export LINEAGE_STORE=$PWD/lineage.db LINEAGE_OUTBOX=$PWD/outbox
  lineage diagnose gold.daily_revenue.revenue
  lineage columns gold.daily_revenue
  lineage path silver.customers revenue
  lineage whence gold.daily_revenue
  lineage drill
  lineage export --format mermaid
  lineage status"""
    )
