"""The load generator as a process of its own, so that it takes no turn from what it measures.

`python -m service.bench.load_process` reads a plan as one line of JSON from standard input and
prints the figures as one line.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import click

from service.bench.errors import BenchError
from service.bench.load import run_load
from service.bench.plan import LoadFigures, LoadPlan


def measure_load(plan: LoadPlan) -> LoadFigures:
    """Run the plan in a new process and return what it saw.

    Raises:
        BenchError: the generator ended without figures; its message says why.
    """
    done = subprocess.run(
        [sys.executable, "-m", "service.bench.load_process"],
        input=plan.to_json(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 or not done.stdout:
        reason = (done.stderr.strip() or "no message").splitlines()[-1].removeprefix("error: ")
        raise BenchError(f"the load generator ended with status {done.returncode}: {reason}")
    return LoadFigures.from_json(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Run the plan that stands on standard input."""
    import uvloop

    plan = LoadPlan.from_json(sys.stdin.read())
    # Nothing here makes cycles, and a collection would be taken for the server's latency.
    gc.disable()
    try:
        figures = uvloop.run(run_load(plan))
    except BenchError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    click.echo(json.dumps(figures.to_json()))


if __name__ == "__main__":
    main()
