"""Threat row 13: which addresses a source may be fetched from."""

from __future__ import annotations

import httpcore
import pytest

from farm.store.http.address_guard import AddressGuard, ForbiddenAddressError
from farm.store.http.guarded_backend import GuardedBackend


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%lo",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "2001:0:7f00:1::1",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert AddressGuard().violation(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.1.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_a_public_address_is_fine(address: str) -> None:
    assert AddressGuard().violation(address) == ""


def test_a_network_that_the_operator_lists_is_fine_and_its_neighbours_are_not() -> None:
    guard = AddressGuard.of(["10.1.0.0/16", "fd00::/64"])
    assert guard.violation("10.1.2.3") == ""
    assert guard.violation("fd00::5") == ""
    assert guard.violation("10.2.0.1")
    assert guard.violation("fd00:0:0:1::5")


def test_listing_a_network_covers_the_ipv6_forms_of_its_addresses_alone() -> None:
    guard = AddressGuard.of(["10.1.0.0/16"])
    assert guard.violation("::ffff:10.1.0.1") == ""
    assert guard.violation("::ffff:10.2.0.1")


def test_a_name_with_one_forbidden_address_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    # The answers of a rebinding name; the resolver is the only part that a test must fake.
    answers = [(2, 1, 6, "", ("127.0.0.2", 80)), (2, 1, 6, "", ("127.0.0.1", 80))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_arguments, **_keywords: answers)
    with pytest.raises(ForbiddenAddressError, match=r"two-faced\.example.*127\.0\.0\.1 is this machine's own"):
        GuardedBackend(AddressGuard.of(["127.0.0.2"]), lambda: 5.0).connect_tcp("two-faced.example", 80, timeout=1)


def test_the_connected_address_is_checked_and_not_only_the_resolved_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(httpcore.NetworkStream):
        closed = False

        def get_extra_info(self, _info: str) -> object:
            return ("127.0.0.1", 80)

        def close(self) -> None:
            Elsewhere.closed = True

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", lambda *_arguments, **_keywords: Elsewhere())
    with pytest.raises(ForbiddenAddressError):
        GuardedBackend(AddressGuard(), lambda: 5.0).connect_tcp("93.184.215.14", 80, timeout=1)
    assert Elsewhere.closed


def test_a_unix_socket_is_refused() -> None:
    with pytest.raises(ForbiddenAddressError):
        GuardedBackend(AddressGuard(), lambda: 5.0).connect_unix_socket("/var/run/docker.sock")
