"""A run that starts again without news gives the same result as the full way, whoever serves the repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.client.host_shell import MOUNT, shell
from tests.threats.simulator import needs_faketime, serving
from tests.threats.test_row_01_runs import needs_bubblewrap

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from tests.threats.simulator import Simulator, Subscriber

_PROGRAM = """
import sys
from farm.cli.entry import main
try:
    main()
finally:
    print("the whole way" if "tuf" in sys.modules else "at once", *sys.modules, file=sys.stderr)
"""
_OF_NO_USE = {"click", "dataclasses", "http", "msgspec", "pathlib", "securesystemslib", "tuf", "typing", "zstandard"}
_CONTENT = shell("@cat /usr/share/alone/file")


def _run(
    subscriber: Subscriber, *words: str, clock: str = "", engine: str = "bubblewrap"
) -> tuple[bool, subprocess.CompletedProcess[str]]:
    """Run a command over `alone`; return whether it started at once, and its result."""
    places = {"FARM_STATE": str(subscriber.folder / "state"), "FARM_HOST": str(subscriber.folder / "shared")}
    line = [sys.executable, "-c", _PROGRAM, "run", "--with", engine, *MOUNT, "alone", "--", *(words or _CONTENT)]
    if clock:
        line[:0] = ["faketime", "-f", clock]
        places["NO_FAKE_STAT"] = "1"
    ended = subprocess.run(line, env={**os.environ, **places}, capture_output=True, text=True, check=False)
    return "at once" in ended.stderr, ended


def _prepared(subscriber: Subscriber) -> Path:
    """Return the only prepared run."""
    (path,) = (subscriber.folder / "state/prepared").glob("*.json")
    return path


pytestmark = needs_bubblewrap


def test_the_second_run_starts_at_once_and_is_recorded_as_the_first(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    assert _run(subscriber)[0] is False
    at_once, ended = _run(subscriber, *shell("echo a secret; exit 3"))
    assert at_once
    assert (ended.returncode, ended.stdout) == (3, "a secret\n")
    assert "secret" not in _prepared(subscriber).read_text()
    first, second = map(json.loads, (subscriber.folder / "state/runs.jsonl").read_text().splitlines())
    assert {name for name in first if first[name] != second[name]} == {"at", "process"}


@pytest.mark.docker
def test_with_docker_it_starts_at_once_as_well(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    assert _run(subscriber, engine="docker")[1].stdout == "alone 1\n"
    prepared = _prepared(subscriber).stat()
    ended = _run(subscriber, *shell("@cat /usr/share/alone/file; exit 3"), engine="docker")[1]
    assert (ended.returncode, ended.stdout) == (3, "alone 1\n")
    assert _prepared(subscriber).stat().st_ino == prepared.st_ino, "it was not taken up, but made anew"
    simulator.release()
    assert _run(subscriber, engine="docker")[1].stdout == "alone 2.0\n"


def test_until_all_is_known_to_be_as_it_was_nothing_more_is_loaded(simulator: Simulator) -> None:
    """Importing code is most of the cost of a start."""
    subscriber = simulator.subscriber()
    _run(subscriber)
    state, shared = str(subscriber.folder / "state"), str(subscriber.folder / "shared")
    program = (
        "import sys; from farm.cli import entry, places; from farm.client.run import prepared_run\n"
        "prepared_run._in_bubblewrap = lambda start, command: lambda: 77\n"
        f"assert prepared_run.start_again({state!r}, {shared!r}, {_prepared(subscriber).stem!r}, ['true']) == 77\n"
        "print(*sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert not {name.partition(".")[0] for name in said.split()} & _OF_NO_USE


def test_a_new_release_is_what_runs_next(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    assert _run(subscriber)[1].stdout == "alone 1\n"
    simulator.release()
    at_once, ended = _run(subscriber)
    assert not at_once
    assert ended.stdout == "alone 2.0\n"
    assert _run(subscriber)[1].stdout == "alone 2.0\n"


@needs_faketime
@pytest.mark.parametrize(("clock", "refusal"), [("+2d", "timestamp.json is expired"), ("-2d", "")])
def test_time_is_asked_each_time(simulator: Simulator, clock: str, refusal: str) -> None:
    subscriber = simulator.subscriber()
    _run(subscriber)
    assert _run(subscriber, clock="+1h")[0]
    at_once, ended = _run(subscriber, clock=clock)
    assert not at_once
    assert refusal in ended.stderr
    assert ended.returncode == (1 if refusal else 0)


def test_a_newer_root_is_seen_though_the_timestamp_is_the_same(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    _run(subscriber)
    timestamp = simulator.public / "metadata" / "timestamp.json"
    before = timestamp.read_bytes()
    simulator.replace_online_key("timestamp", "timestamp-2")
    timestamp.write_bytes(before)  # a thief of the old key keeps showing what it has signed
    at_once, ended = _run(subscriber)
    assert not at_once
    assert ended.returncode == 1
    assert "timestamp" in ended.stderr


def test_an_altered_timestamp_is_refused(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    _run(subscriber)
    timestamp = simulator.public / "metadata" / "timestamp.json"
    document = json.loads(timestamp.read_bytes())
    document["signed"]["version"] += 1
    timestamp.write_text(json.dumps(document))
    at_once, ended = _run(subscriber)
    assert not at_once
    assert ended.returncode == 1
    assert "altered" in ended.stderr


def test_what_another_command_has_seen_since_is_not_forgotten(simulator: Simulator) -> None:
    """TUF keeps one timestamp for the whole repository, so there is one that could be rolled back."""
    subscriber = simulator.subscriber()
    _run(subscriber)
    old = simulator.mirror("mirror")
    simulator.release()
    subscriptions = subscriber.host.subscriptions
    subscriptions.metadata(subscriptions.find()).advisories()
    simulator.lead_to(old)
    at_once, ended = _run(subscriber)
    simulator.lead_back()
    assert not at_once
    assert ended.returncode == 1


def test_what_a_policy_accepts_is_judged_once(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    policy = subscriber.folder / "state/policy.yaml"
    policy.write_text("channels: [dist.example.org/edge]\n")
    assert not _run(subscriber)[0]
    assert _run(subscriber)[0]
    policy.write_text("channels: [dist.example.org/stable]\n")
    at_once, ended = _run(subscriber)
    assert not at_once
    assert ended.returncode == 1


def _add_override(subscriber: Subscriber) -> None:
    place = subscriber.folder / "state/overrides"
    place.mkdir()
    (place / "host.json").write_text("no record")


def _add_policy(subscriber: Subscriber) -> None:
    (subscriber.folder / "state/policy.yaml").write_text("channels: [another.example.org/stable]\n")


def _pack_another(subscriber: Subscriber) -> None:
    (subscriber.folder / "state/packed/mine.example.org").mkdir(parents=True)


def _lose_a_package(subscriber: Subscriber) -> None:
    cache = subscriber.host.cache
    for store in cache.stores():
        cache.remove(store)


def _lose_the_links(subscriber: Subscriber) -> None:
    shutil.rmtree(subscriber.folder / "state/links")


def _lose_a_link(subscriber: Subscriber) -> None:
    (links,) = (subscriber.folder / "state/links").glob("[!.]*")
    next(path for path in links.rglob("*") if path.is_symlink()).unlink()


def _damage(subscriber: Subscriber) -> None:
    path = _prepared(subscriber)
    path.write_bytes(path.read_bytes()[:-9])


def _change_a_subscription(subscriber: Subscriber) -> None:
    subscriptions = subscriber.host.subscriptions
    subscriptions.change(subscriptions.find(), priority=5)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (_add_override, 1),
        (_add_policy, 1),
        (_pack_another, 0),
        (_lose_a_package, 0),
        (_lose_the_links, 0),
        (_lose_a_link, 0),
        (_damage, 0),
        (_change_a_subscription, 0),
    ],
)
def test_whatever_it_rests_on_is_looked_at(
    simulator: Simulator, change: Callable[[Subscriber], None], status: int
) -> None:
    subscriber = simulator.subscriber()
    _run(subscriber)
    assert _run(subscriber)[0]
    change(subscriber)
    at_once, ended = _run(subscriber)
    assert not at_once
    assert ended.returncode == status
    if status == 0:
        assert ended.stdout == "alone 1\n"
        assert _run(subscriber)[0]


def test_over_http_two_small_files_are_asked_for(simulator: Simulator) -> None:
    asked: list[str] = []

    def missing(handler: BaseHTTPRequestHandler) -> None:
        asked.append("2.root.json")
        handler.send_error(404)

    def hanging_up(_handler: BaseHTTPRequestHandler) -> None:
        raise OSError

    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {"/metadata/2.root.json": missing}
    with serving(simulator.public, answers) as address:
        subscriber = simulator.subscriber(address=address)
        _run(subscriber)
        asked.clear()
        assert _run(subscriber)[0]
        assert asked == ["2.root.json"]
        answers["/timestamp.json"] = hanging_up
        at_once, ended = _run(subscriber)
        assert not at_once
        assert (ended.returncode, ended.stdout) == (0, "alone 1\n")
        assert "verified last" in ended.stderr


@pytest.mark.parametrize("lost", ["bwrap", "the directory"])
def test_what_cannot_be_started_is_told_in_words(simulator: Simulator, tmp_path: Path, lost: str) -> None:
    subscriber = simulator.subscriber()
    here = tmp_path / "here"
    here.mkdir()
    places = {"FARM_STATE": str(subscriber.folder / "state"), "FARM_HOST": str(subscriber.folder / "shared")}
    variables = {**os.environ, **places}

    def run(program: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", program, "run", "--with", "bubblewrap", *MOUNT, "alone", "--", *_CONTENT]
        return subprocess.run(line, env=variables, cwd=here, capture_output=True, text=True, check=False)

    assert run("from farm.cli.entry import main; main()").stdout == "alone 1\n"
    if lost == "bwrap":
        variables["PATH"] = str(tmp_path)
        ended = run("from farm.cli.entry import main; main()")
    else:
        ended = run("from farm.cli.entry import main; import os; os.rmdir(os.getcwd()); main()")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")


def test_what_cannot_be_kept_for_the_next_time_runs(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    (subscriber.folder / "state/prepared").write_text("in the way")
    for _ in range(2):
        at_once, ended = _run(subscriber)
        assert not at_once
        assert (ended.returncode, ended.stdout) == (0, "alone 1\n")
