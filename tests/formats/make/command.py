"""The table of verbs and options; and the verbs' answers in a subscriber's home. `published` and `home` come first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.formats import kept
from tests.formats.make.fixed import CLOCK
from tests.formats.reading import command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.formats.make.__main__ import Output

ROOT = ("--root", "root")
EDGE = ("--channel", "dist.example.org/edge")
LINES: tuple[tuple[str, ...], ...] = (
    ("subscriptions", "--json"),
    ("search", "--json"),
    ("search", "jq", *EDGE, "--json"),
    ("info", "jq", *EDGE, "--json"),
    ("info", "other.example/openssl", *EDGE, "--json"),
    ("info", "nothing", *EDGE, "--json"),
    ("list", *ROOT, "--json"),
    ("list", *ROOT, "--generations", "--json"),
    ("images", "--holding", "jq", "--json"),
    ("image", "list", "--json"),
    ("image", "inspect", "layout", "--json"),
    ("image", "inspect", "importing:1", "--json"),
    ("image", "diff", "plain:1", "plain:1", "--json"),
    ("image", "diff", "plain:1", "own-files:1", "--json"),
    ("audit", *ROOT, "--format", "json"),
    ("audit", *EDGE, "--format", "json"),
    ("audit", "from-both:1", "--format", "json"),
    ("audit", *ROOT, "--format", "sarif"),
    ("audit", *ROOT, "--format", "cyclonedx"),
    ("verify", *ROOT, "--json"),
    ("verify", "layout", "--json"),
    ("verify", "--cache", "--json"),
    ("provenance", "jq", *EDGE, "--json"),
    ("provenance", "jq", *ROOT, "--json"),
    ("provenance", "root/usr/bin/jq", "--json"),
    ("policy", "check", "root", "--policy", "policy.yaml", "--json"),
    ("policy", "check", "root", "--json"),
    ("sbom", "jq", *EDGE),
    ("sbom", *EDGE),
    ("sbom", "jq", *ROOT),
    ("who-needs", "zlib", *EDGE, "--json"),
    ("who-needs", "zlib", *ROOT, "--json"),
    ("lock", *ROOT),
    ("lock", "jq", *EDGE),
    ("override", "list", "--json"),
    ("pack", "--list", "--json"),
    ("gc", "--dry-run", "--json"),
    ("upgrade", *ROOT, "--dry-run", "--json"),
    ("install", "zlib", *ROOT, "--dry-run", "--json"),
    ("remove", "jq-doc", *ROOT, "--dry-run", "--json"),
    ("toolchain", "list", "--recipes", "recipes", "--json"),
    ("lint", "--recipes", "recipes", "--json"),
    ("plan", "zlib", "--recipes", "recipes"),
    ("mirror", "mirror-here", *EDGE, "--json"),
    ("mirror", "mirror-here", "--json"),
    ("rollback", *ROOT, "--json"),
    ("source", "other.example/openssl", *EDGE, "--output", "sources"),
    ("image", "remove", "plain:1", "--json"),
    ("override", "remove", "jq", "--json"),
    ("unsubscribe", "nothing"),
    ("biuld",),
    ("install", "jq"),
    ("--version",),
)


def make(out: Output, folder: Path) -> None:
    """Write `command.json`, and `answers.json` with how each command line ended and the shape of its output."""
    out.write("command.json", json.dumps(command.table(), indent=1, sort_keys=True) + "\n")
    # On this machine's real clock, as for later readers: the published metadata has expired by then.
    environment = {
        name: value for name, value in kept.subscriber_home(folder).items() if name not in ("LD_PRELOAD", CLOCK)
    }
    answers = []
    for line, said in zip(LINES, command.carried_out(LINES, environment, folder / "home"), strict=True):
        answers.append({"line": line, "status": said["status"], "shape": command.shape_of(said["out"])})
        if said["status"] and said["status"] != 3:
            print(line, said["status"], said["err"].strip()[:200])  # noqa: T201
    out.write("answers.json", json.dumps(answers, indent=1) + "\n")
