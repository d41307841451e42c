"""How long a start waits for news: of a repository without answers, of several places, and by a caller's deadline."""

from __future__ import annotations

import fcntl
import socket
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from farm.client.repository.host import Host
from farm.client.run.request import RunRequest
from farm.client.run.selection import select_packages
from farm.store.http.resolving import addresses_of
from farm.store.http.time_limits import Deadline
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.client.web_server import Silent, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.client.repository.subscriptions import Subscription
    from tests.client.distribution import SmallDistribution

find = partial(select_packages, request=RunRequest(packages=("alone",)), image_file=None)


class Moody(Silent):
    """Answers all requests except the next `unanswered` ones, which it holds open until `end`."""

    unanswered: ClassVar[int]
    end: ClassVar[threading.Event]

    def do_GET(self) -> None:  # noqa: N802  # as the base class has it
        if Moody.unanswered:
            Moody.unanswered -= 1
            self.end.wait()
        with suppress(ConnectionError):
            super().do_GET()


@pytest.fixture
def address(distribution: SmallDistribution) -> Iterator[str]:
    Moody.unanswered, Moody.end = 0, threading.Event()
    with serving(distribution.public, Moody) as address:
        yield address
        Moody.end.set()


@pytest.fixture
def host(distribution: SmallDistribution, address: str, tmp_path: Path) -> Host:
    host = Host(tmp_path / "state", tmp_path / "shared", warn=print)
    assert distribution.founded is not None
    host.subscriptions.subscribe(address, "edge", distribution.founded.fingerprint)
    return host


def ran(host: Host) -> Subscription:
    """Fetch the packages of the run to the host; return the subscription."""
    host.unpack(find(host, deadline=Deadline()).packages, lambda _blob: None)
    return host.subscriptions.find()


def test_a_start_does_not_wait_for_a_repository_that_answers_nothing(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    ran(host)
    Moody.unanswered = 100
    found = find(host, deadline=Deadline(0.3))
    assert found.last is not None
    said = capsys.readouterr().out
    assert "no answer within 0.3 s, and a start waits no longer for news: running release 1 of " in said


def test_where_nothing_can_run_instead_a_start_waits_on(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    Moody.unanswered = 1
    assert find(host, deadline=Deadline(0.2)).last is None
    assert "Still waiting for it, because " in capsys.readouterr().out


def test_a_mirror_is_asked_in_the_time_that_its_owner_left_it(host: Host, distribution: SmallDistribution) -> None:
    host.subscriptions.change(ran(host), mirrors=[str(distribution.public)])
    distribution.package("alone", {"share/alone/file": "new\n"}, version="2.0")
    distribution.publish()
    Moody.unanswered = 100
    deadline = Deadline(0.4)
    with host.patient_for(deadline):
        assert host.catalogue().release.number == 2
    assert deadline.is_cut


def test_a_start_waits_for_nobody_who_is_asking_already(host: Host) -> None:
    folder = host.subscriptions.metadata_folder(ran(host))
    with (folder / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = find(host, deadline=Deadline(0.2))
    assert found.last is not None
    assert found.catalogue.release.number == 1


def test_all_questions_share_what_a_start_waits(host: Host) -> None:
    ran(host)
    Moody.unanswered = 100
    deadline = Deadline(0.3)
    with host.patient_for(deadline):
        for words in ("no answer within 0.3 s", "no answer within 0.0 s"):
            with pytest.raises(UntrustedMetadataError, match=words):
                host.catalogue()


def test_a_resolver_that_answers_nothing_is_waited_for_no_longer_either(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = threading.Event()

    def getaddrinfo(*_arguments: Any, **_more: Any) -> list[Any]:
        stuck.wait()
        return []

    assert addresses_of("127.0.0.1", 80, 5) == ["127.0.0.1"]
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    try:
        with pytest.raises(TimeoutError, match=r"looking up .* took too long"):
            addresses_of("dist.example.org", 443, 0.1)
    finally:
        stuck.set()
