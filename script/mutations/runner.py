"""`script/mutate`: breaks the code in one small way after the other, and reports the test that notices."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from script.mutations.drawing import NotFoundOnceError, all_mutations
from script.mutations.judging import RedTestsError, judge
from script.mutations.subjects import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from script.mutations.mutation import Mutation


class UnknownMutationError(Exception):
    """No mutation or subject has this name or number."""


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exits with status 2 if it is invalid."""
    parser = argparse.ArgumentParser(prog="script/mutate", description="Break the code, and see which test notices.")
    parser.add_argument("--only", action="append", metavar="WHICH", help="a subject, a name, or a number of --list")
    parser.add_argument("--list", action="store_true", help="show the mutations as diffs, and run nothing")
    parser.add_argument("--again", action="store_true", help="run also those whose verdict is known")
    parser.add_argument("--jobs", type=int, default=2, help="how many to run at a time (default: 2)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error("one job at least")
    return options


def chosen(mutations: Sequence[Mutation], only: Sequence[str] | None) -> dict[str, tuple[int, Mutation]]:
    """Return the mutations that `only` names, by name, with their numbers from 1. Raises `UnknownMutationError`."""
    numbered = {mutation.name: (number, mutation) for number, mutation in enumerate(mutations, 1)}
    if only is None:
        return numbered
    known = {which for number, one in numbered.values() for which in (str(number), one.name, one.subject)}
    if unknown := [which for which in only if which not in known]:
        raise UnknownMutationError(f"there is no mutation or subject {unknown[0]}: see script/mutate --list")
    return {
        name: (number, one)
        for name, (number, one) in numbered.items()
        if not {str(number), name, one.subject}.isdisjoint(only)
    }


def main(arguments: Sequence[str], root: Path) -> int:
    """Run; the exit status is 1 if a mutation survives, 2 if there is no result."""
    options = parse_arguments(arguments)
    reports: list[dict[str, object]] = []
    try:
        mutations = chosen(all_mutations(root), options.only)
        if options.list:
            reports = [_report(root, *pair) for pair in mutations.values()]
        else:
            ones = [mutation for _, mutation in mutations.values()]
            for mutation, verdict in judge(root, ones, jobs=options.jobs, again=options.again):
                became = f"killed by {verdict.killed_by}" if verdict.killed_by else "SURVIVED"
                number, _ = mutations[mutation.name]
                print(f"{number:3} {mutation.name}: {became} ({verdict.seconds:g} s)", file=sys.stderr, flush=True)
                killed = {"killed-by": verdict.killed_by, "seconds": verdict.seconds}
                reports.append(_report(root, number, mutation) | killed)
    except (UnknownMutationError, NotFoundOnceError, RedTestsError) as error:
        print(f"mutate: {error}", file=sys.stderr)
        return 2
    survivors = [one for one in reports if one.get("killed-by") == ""]
    if options.json:
        print(json.dumps({"mutations": reports, "left-out": dict(LEFT_OUT)}, indent=2))
    else:
        for one in reports if options.list else survivors:
            print(f"{one['number']:3} {one['name']}: {one['what']}\n{one['diff']}\n")
        if not options.list:
            print(f"{len(reports)} mutations, {len(survivors)} survived; {len(LEFT_OUT)} left out, with reasons")
    return 1 if survivors else 0


def _report(root: Path, number: int, mutation: Mutation) -> dict[str, object]:
    source = (root / mutation.module).read_text(encoding="utf-8")
    return {
        "number": number,
        "name": mutation.name,
        "subject": mutation.subject,
        "module": mutation.module,
        "what": mutation.what,
        "diff": mutation.diff(source),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).parents[2]))
