"""Run the benchmarks: `python -m benchmarks [--quick] [NAME ...]`, all of them when none is named."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from pathlib import Path


def names() -> list[str]:
    """Return the benchmarks' names: the modules of this folder that have a `main`."""
    modules = sorted(Path(__file__).parent.glob("[!_]*.py"))
    return [path.stem for path in modules if "\ndef main(" in path.read_text(encoding="utf-8")]


def run(name: str, *, quick: bool) -> bool:
    """Run one benchmark and return whether it ended well."""
    print(f"\n== {name}", flush=True)
    started = time.perf_counter()
    try:
        importlib.import_module(f"benchmarks.{name}").main(quick=quick)
    except Exception:
        traceback.print_exc()
        return False
    print(f"-- {time.perf_counter() - started:.1f} s", flush=True)
    return True


def main(arguments: list[str]) -> int:
    """Run what the arguments name and return the exit code: 1 when a benchmark failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repeats, to see that they run")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names()))
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(names())):
        parser.error(f"no such benchmark: {', '.join(unknown)} (there are {', '.join(names())})")
    failed = [name for name in options.names or names() if not run(name, quick=options.quick)]
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
