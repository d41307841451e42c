"""Subscribing by a domain name: the TXT record's root is pinned, and DNS decides nothing afterwards."""

from __future__ import annotations

import io
import socket
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import dns.rcode
import pytest

from farm.cli.main import main
from farm.client.repository.enrolment import Resolver, enrol
from farm.client.repository.subscriptions import SubscriptionError
from farm.core.names.digest import Digest
from farm.core.names.package_name import InvalidPackageNameError
from farm.errors import FarmError
from farm.trust.enrolment_record import EnrolmentRecord, EnrolmentRecordError, read_records
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.client.distribution import DISTRIBUTION, SmallDistribution
from tests.client.name_server import NameServer
from tests.client.web_server import serving
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.client.repository.host import Host

NAME = f"_farm.{DISTRIBUTION}"
OTHER_ROOT = Digest.of(b"another root")


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer()
    with server.running():
        yield server


@pytest.fixture
def resolver(names: NameServer) -> Resolver:
    return Resolver.parse(names.address, seconds=2)


@pytest.fixture
def address(distribution: SmallDistribution) -> Iterator[str]:
    with serving(distribution.public) as url:
        yield url


def fingerprint(distribution: SmallDistribution) -> Digest:
    assert distribution.founded is not None
    return distribution.founded.fingerprint


@pytest.fixture
def record(names: NameServer, distribution: SmallDistribution, address: str) -> str:
    """The record of the distribution, which the server returns."""
    text = str(EnrolmentRecord(address, fingerprint(distribution)))
    names.texts[NAME] = [text]
    return text


def kept(host: Host) -> list[Path]:
    return sorted(host.state.rglob("*"))


def test_a_domain_is_enough_to_subscribe(
    names: NameServer, record: str, distribution: SmallDistribution, host: Host, resolver: Resolver
) -> None:
    subscription, by_dns = enrol(host.subscriptions, DISTRIBUTION, "edge", resolver)
    assert by_dns
    assert subscription.fingerprint == fingerprint(distribution)
    assert subscription.address in record
    assert [package.entry.name for package in host.catalogue().verified(["greet"])] == ["greet", "say"]
    assert names.asked == [NAME]


def test_records_of_other_kinds_are_passed_over_and_the_same_twice_is_once(
    names: NameServer, record: str, host: Host, resolver: Resolver
) -> None:
    names.texts[NAME] = ["v=spf1 -all", record, record + ";", "", "google-site-verification=1"]
    assert enrol(host.subscriptions, DISTRIBUTION, "edge", resolver)[1]


def test_a_changed_record_changes_no_subscription(
    names: NameServer, record: str, host: Host, resolver: Resolver
) -> None:
    first, _ = enrol(host.subscriptions, DISTRIBUTION, "edge", resolver)
    names.texts[NAME] = [str(EnrolmentRecord("http://127.0.0.1:1/thief", OTHER_ROOT))]
    again = enrol(host.subscriptions, DISTRIBUTION, "edge", resolver)
    assert again == (first, False)
    assert host.subscriptions.all() == (first,)
    assert host.catalogue().entry("greet").name == "greet"
    assert names.asked == [NAME]  # once, and never again


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (None, "does not exist"),
        ([], "does not exist"),
        (["v=spf1 -all"], "does not exist"),
        (["v=farm2; place=somewhere"], "has a version that this farm does not read"),
        (["v=farm1"], "is malformed: it must have one address= and one root="),
        (["v=farm1; address=https://a.example/; root=sha256:12"], "is malformed: 'sha256:12' is not a digest"),
        ([f"v=farm1; address=https://a.example/; root={OTHER_ROOT}; root={OTHER_ROOT}"], "one root=, and nothing else"),
        ([f"v=farm1; address=https://a.example/; root={OTHER_ROOT}; more=1"], "and nothing else"),
        ([f"v=farm1; address=ftp://a.example/; root={OTHER_ROOT}"], "is not an http.s. URL"),
        ([f"v=farm1; address=/srv/files; root={OTHER_ROOT}"], "is not an http.s. URL"),
        ([f"v=farm1; address=https:///nowhere; root={OTHER_ROOT}"], "is not an http.s. URL"),
        ([f"v=farm1; address=https://a.example:99999/; root={OTHER_ROOT}"], "is malformed: Port out of range"),
        ([f"v=farm1; address=https://me:secret@a.example/; root={OTHER_ROOT}"], "has a user name"),
        ([f"v=farm1; address=https://a.example/\x1b[31m; root={OTHER_ROOT}"], "has characters that no URL has"),
        ([b"v=farm1; address=https://a.example/\xff; root=x"], "it is not ASCII text"),
    ],
)
def test_a_bad_record_subscribes_to_nothing(
    names: NameServer, host: Host, resolver: Resolver, texts: list[str | bytes] | None, message: str
) -> None:
    if texts is not None:
        names.texts[NAME] = texts
    with pytest.raises(EnrolmentRecordError, match=message) as caught:
        enrol(host.subscriptions, DISTRIBUTION, "edge", resolver)
    assert NAME in caught.value.message
    assert caught.value.message.isprintable()
    assert caught.value.remedy
    assert kept(host) == []


def test_two_records_that_contradict_each_other_are_both_named(
    names: NameServer, record: str, host: Host, resolver: Resolver
) -> None:
    names.texts[NAME] = [record, str(EnrolmentRecord("https://elsewhere.example/", OTHER_ROOT))]
    with pytest.raises(EnrolmentRecordError, match=r"2 times, and they contradict each other.*elsewhere"):
        enrol(host.subscriptions, DISTRIBUTION, "edge", resolver)
    assert kept(host) == []


def test_a_root_that_the_repository_does_not_have_is_refused(
    names: NameServer, address: str, host: Host, resolver: Resolver
) -> None:
    names.texts[NAME] = [str(EnrolmentRecord(address, OTHER_ROOT))]
    with pytest.raises(UntrustedMetadataError, match=f"not {OTHER_ROOT}"):
        enrol(host.subscriptions, DISTRIBUTION, "edge", resolver)
    assert kept(host) == []


def test_a_domain_cannot_bring_the_repository_of_another(
    names: NameServer, record: str, host: Host, resolver: Resolver
) -> None:
    names.texts["_farm.thief.example"] = [record]
    with pytest.raises(SubscriptionError, match=f"is that of {DISTRIBUTION}, not of thief.example"):
        enrol(host.subscriptions, "thief.example", "edge", resolver)
    assert kept(host) == []


def test_a_fingerprint_by_hand_must_be_the_records(
    record: str, distribution: SmallDistribution, host: Host, resolver: Resolver
) -> None:
    with pytest.raises(SubscriptionError, match=f"not {OTHER_ROOT}"):
        enrol(host.subscriptions, DISTRIBUTION, "edge", resolver, fingerprint=OTHER_ROOT)
    assert kept(host) == []
    assert enrol(host.subscriptions, DISTRIBUTION, "edge", resolver, fingerprint=fingerprint(distribution))[1]


def test_a_resolver_that_says_nothing_is_given_up(names: NameServer, host: Host) -> None:
    names.silent = True
    with refuses("dns", match=r"no answer about _farm.* within 0\.2 seconds from the resolver 127"):
        enrol(host.subscriptions, DISTRIBUTION, "edge", Resolver.parse(names.address, seconds=0.2))
    assert kept(host) == []


def test_a_resolver_that_is_not_there_is_told(host: Host) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with refuses("dns") as caught:
        enrol(host.subscriptions, DISTRIBUTION, "edge", Resolver.parse(f"127.0.0.1:{port}", seconds=0.3))
    assert "--resolver" in caught.value.remedy
    assert kept(host) == []


def test_a_server_that_fails_is_told(names: NameServer, host: Host, resolver: Resolver) -> None:
    names.rcode = dns.rcode.SERVFAIL
    with refuses("dns", match="cannot look up _farm"):
        enrol(host.subscriptions, DISTRIBUTION, "edge", resolver)
    assert kept(host) == []


@pytest.mark.parametrize("text", ["localhost", "127.0.0.1:dns", "127.0.0.1:0", "127.0.0.1:65536", "::1:53:x", ":53"])
def test_what_names_no_resolver_is_refused(text: str) -> None:
    with refuses("invalid-resolver"):
        Resolver.parse(text)


def test_resolvers_are_read() -> None:
    assert Resolver.parse("127.0.0.1:5353") == Resolver("127.0.0.1", 5353)
    assert Resolver.parse("[::1]:5353") == Resolver("::1", 5353)
    assert Resolver.parse("::1") == Resolver("::1", 53)
    assert Resolver.parse("192.0.2.1") == Resolver("192.0.2.1", 53)


def test_what_is_no_domain_is_not_asked_for(names: NameServer, host: Host, resolver: Resolver) -> None:
    with pytest.raises(InvalidPackageNameError):
        enrol(host.subscriptions, "No Domain", "edge", resolver)
    assert names.asked == []


def farm(*words: str) -> tuple[int, str, str]:
    output, message = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(message), pytest.raises(SystemExit) as end:
        main(list(words))
    return int(end.value.code or 0), output.getvalue(), message.getvalue()


def test_the_commands_publish_a_record_and_follow_it(
    names: NameServer,
    distribution: SmallDistribution,
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FARM_HOST", str(tmp_path / "shared"))
    monkeypatch.setenv("FARM_RESOLVER", names.address)
    public = str(distribution.public)
    status, line, _ = farm("keys", "dns", DISTRIBUTION, "--repository", public, "--address", address)
    assert status == 0
    assert line.startswith(f'{NAME}. 3600 IN TXT "v=farm1; address={address}; root={fingerprint(distribution)}"')
    names.texts[NAME] = [line.split('"')[1]]
    status, said, _ = farm("subscribe", f"{DISTRIBUTION}/edge")
    assert status == 0
    assert f"pinned the root {fingerprint(distribution)} of {address}" in said
    assert f"subscribed to {DISTRIBUTION}/edge: release 1" in said
    status, said, _ = farm("subscribe", f"{DISTRIBUTION}/edge", "--resolver", "127.0.0.1:1")
    assert status == 0
    assert "DNS was not asked" in said
    assert farm("subscribe", public, "edge", "--fingerprint", fingerprint(distribution))[0] == 0
    assert farm("subscribe", public, "edge")[0] == 2
    assert farm("subscribe", "edge")[0] == 2
    status, _, message = farm("keys", "dns", "other.example", "--repository", public, "--address", address)
    assert (status, f"is that of {DISTRIBUTION}" in message) == (1, True)
    assert farm("keys", "dns", DISTRIBUTION, "--repository", public, "--address", "ftp://x/")[0] == 1


def test_a_long_record_is_written_in_strings_that_dns_can_hold() -> None:
    record = EnrolmentRecord("https://dist.example.org/" + "a" * 400, OTHER_ROOT)
    strings = record.zone_line(DISTRIBUTION).split('"')[1::2]
    assert max(map(len, strings)) <= 255
    assert read_records(DISTRIBUTION, ["".join(strings).encode()]) == record


def test_every_refusal_has_a_remedy() -> None:
    with pytest.raises(FarmError) as caught:
        read_records(DISTRIBUTION, [b"v=farm1; nonsense"])
    assert caught.value.remedy
