"""`python -m benchmarks [NAME…]`: measure and print. Ends with 1 only when a benchmark could not run."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time

from benchmarks import machine
from benchmarks.options import Options
from benchmarks.table import Table

NAMES = ("stages", "latency", "accept", "rivals", "postgresql", "growth", "start", "memory", "training")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Firstline on this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(NAMES)}")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--full", action="store_true", help="also the sizes that take many minutes")
    parser.add_argument("--rate", type=float, action="append", help="latency: mails a second (again for more)")
    parser.add_argument("--seconds", type=float, default=30.0, help="latency: how long")
    parser.add_argument("--repeats", type=int, default=3, help="accept, start: interleaved repeats")
    given = parser.parse_args()
    names = given.names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    options = Options(
        full=given.full, rates=tuple(given.rate or (20.0, 40.0)), seconds=given.seconds, repeats=given.repeats
    )
    tables = [machine.table()]
    if not given.json:
        print(tables[0], flush=True)
    failed = False
    for name in names:
        begun = time.perf_counter()
        try:
            found: list[Table] = importlib.import_module(f"benchmarks.{name}").run(options)
        except Exception as error:  # noqa: BLE001 - one benchmark that cannot run must not hide the others
            failed = True
            print(f"{name}: could not run: {type(error).__name__}: {str(error)[:500]}", file=sys.stderr, flush=True)
            continue
        tables += found
        if not given.json:
            for table in found:
                print(f"\n{table}", flush=True)
            print(f"   ({name}: {time.perf_counter() - begun:.0f} s)", flush=True)
    if given.json:
        print(json.dumps([table.as_dict() for table in tables], indent=1))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
