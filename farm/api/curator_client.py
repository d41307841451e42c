"""The API for curators: decisions about channels and advisories, and the lists of what waits for one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from farm.api import answers
from farm.api.farm_client import FarmClient, channel_path, segment, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from farm.core.names.digest import Digest


class CuratorClient(FarmClient):
    """A connection to a farm in the name of a curator."""

    def freeze(
        self,
        channel: str,
        *,
        why: str,
        until: datetime | None = None,
        replace: bool = False,
        envelope: bytes | None = None,
    ) -> dict[str, Any]:
        """Freeze a channel; with `replace` also in place of the freeze in force."""
        body = {"why": why, "until": _time(until), "replace": replace} | signed(envelope)
        return self._act("PUT", f"{channel_path(channel)}/freeze", answers.FROZEN, body)

    def thaw(self, channel: str, *, envelope: bytes | None = None) -> dict[str, Any]:
        """End the freeze of a channel."""
        return self._act("DELETE", f"{channel_path(channel)}/freeze", answers.DONE, signed(envelope) or None)

    def hold(
        self,
        channel: str,
        package: str,
        *,
        why: str,
        until: datetime | None = None,
        envelope: bytes | None = None,
    ) -> dict[str, Any]:
        """Hold a package of a channel at its present build."""
        body = {"package": package, "why": why, "until": _time(until)} | signed(envelope)
        return self._act("POST", f"{channel_path(channel)}/holds", answers.HELD, body)

    def lift(self, channel: str, package: str, *, envelope: bytes | None = None) -> dict[str, Any]:
        """End the hold of a package."""
        path = f"{channel_path(channel)}/holds/{segment(package)}"
        return self._act("DELETE", path, answers.DONE, signed(envelope) or None)

    def in_question(self, channel: str) -> dict[str, Any]:
        """Return the changes that wait for approval on a channel, and who has approved them."""
        return self._get_json(f"{channel_path(channel)}/approvals", answers.IN_QUESTION)

    def approve(self, channel: str, envelopes: Sequence[bytes]) -> dict[str, Any]:
        """Send signed approvals; all are accepted or none."""
        body = {"envelopes": [json.loads(envelope) for envelope in envelopes]}
        return self._act("POST", f"{channel_path(channel)}/approvals", answers.APPROVED, body)

    def withdraw(
        self, channel: str, *, curator: str, packages: Sequence[str], why: str = "", envelope: bytes | None = None
    ) -> dict[str, Any]:
        """Withdraw the approvals of packages by a curator; all of them or none."""
        body = {"curator": curator, "packages": list(packages), "why": why} | signed(envelope)
        return self._act("POST", f"{channel_path(channel)}/approvals/withdrawals", answers.WITHDRAWN, body)

    def revocable(self, channel: str, *, curator: str, package: str) -> list[dict[str, Any]]:
        """Return the approvals of a package that a curator can withdraw."""
        path = f"{channel_path(channel)}/approvals/revocable"
        return self._get_list(path, answers.REVOCABLE, curator=curator, package=package)

    def withdraw_approvals_with_signer(
        self, channel: str, packages: Mapping[str, Digest], *, why: str, envelope: bytes | None
    ) -> dict[str, Any]:
        """Withdraw approvals with the signer, also approvals that the farm does not know."""
        path = f"{channel_path(channel)}/approvals/withdraw-with-signer"
        return self._act("POST", path, answers.DONE, {"packages": dict(packages), "why": why} | signed(envelope))

    def withdraw_order_with_signer(
        self, channel: str, order: Digest, *, why: str, envelope: bytes | None
    ) -> dict[str, Any]:
        """Withdraw an order with the signer, also one that the farm does not know."""
        path = f"{channel_path(channel)}/orders/withdraw-with-signer"
        return self._act("POST", path, answers.DONE, {"order": order, "why": why} | signed(envelope))

    def reports(
        self, channel: str, *, closed: bool = False, before: int | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the newest open reports of a channel, below the number `before`; with `closed` also closed ones."""
        query = {"closed": "true" if closed else None, "before": before, "limit": limit}
        return self._get_list(f"{channel_path(channel)}/reports", answers.REPORTS, **query)

    def report(self, channel: str, package: str, *, why: str) -> dict[str, Any]:
        """Report a problem of a package in the newest release of a channel."""
        return self._act("POST", f"{channel_path(channel)}/reports", answers.REPORT, {"package": package, "why": why})

    def resolve(self, number: int, *, envelope: bytes | None = None) -> dict[str, Any]:
        """Close a report."""
        return self._act("POST", f"/api/v1/reports/{number}/resolve", answers.REPORT, signed(envelope) or None)

    def close_with_signer(
        self, channel: str, number: int, descriptor: Digest, *, envelope: bytes | None
    ) -> dict[str, Any]:
        """Close a report that only the signer has."""
        path = f"{channel_path(channel)}/reports/{number}/close-with-signer"
        return self._act("POST", path, answers.DONE, {"descriptor": descriptor} | signed(envelope))

    def descriptor(self, digest: str) -> bytes:
        """Return the descriptor of a package, as it was stored: the caller compares its digest."""
        return self._fetch(f"/api/v1/descriptors/{segment(digest)}").content

    def promote(
        self,
        channel: str,
        *,
        origin: str,
        packages: Sequence[str] = (),
        why: str = "",
        envelope: bytes | None = None,
    ) -> dict[str, Any]:
        """Order the newest release of `origin`, or some packages of it, through the gates of a channel."""
        body = {"kind": "promote", "from": origin, "packages": list(packages), "why": why} | signed(envelope)
        return self._act("POST", f"{channel_path(channel)}/orders", answers.ORDER, body)

    def rollback(self, channel: str, number: int, *, why: str, envelope: bytes | None = None) -> dict[str, Any]:
        """Order a new release of a channel with the packages of an older one."""
        body = {"kind": "rollback", "number": number, "why": why} | signed(envelope)
        return self._act("POST", f"{channel_path(channel)}/orders", answers.ORDER, body)

    def retry_held(
        self, channel: str, *, packages: Sequence[str] = (), why: str = "", envelope: bytes | None = None
    ) -> dict[str, Any]:
        """Order another try of what is held back, or of some packages of it."""
        body = {"kind": "retry", "packages": list(packages), "why": why} | signed(envelope)
        return self._act("POST", f"{channel_path(channel)}/orders", answers.ORDER, body)

    def orders(self, channel: str, *, limit: int = 20) -> list[dict[str, Any]]:
        """Return the orders to the pipeline of a channel, newest first."""
        return self._get_list(f"{channel_path(channel)}/orders", answers.ORDERS, limit=limit)

    def trail(
        self, *, channel: str = "", since: datetime | None = None, before: int | None = None, limit: int = 50
    ) -> dict[str, Any]:
        """Return one page of the audit trail, newest first."""
        query = {"channel": channel or None, "since": _time(since), "before": before, "limit": limit}
        return self._get_json("/api/v1/trail", answers.TRAIL, **query)

    def withdraw_order(self, channel: str, number: int, *, why: str, envelope: bytes | None = None) -> dict[str, Any]:
        """Withdraw an order that is not done, or that no release has used."""
        path = f"{channel_path(channel)}/orders/{number}/withdraw"
        return self._act("POST", path, answers.ORDER, {"why": why} | signed(envelope))

    def add_advisory(
        self, document: Mapping[str, Any], *, allow_unknown: bool = False, envelope: bytes | None = None
    ) -> dict[str, Any]:
        """Add an advisory in the OSV format, or a newer version of one; returns the outcome and the affected packages.

        With `allow_unknown` it may be about packages that were never built; so may statements. The sender signs the
        document in `envelope`, here and below.
        """
        path = f"/api/v1/advisories{_asking(allow_unknown=allow_unknown)}"
        return self._act("POST", path, answers.ADDED_ADVISORY, _beside(document, envelope))

    def state(
        self, document: Mapping[str, Any], *, allow_unknown: bool = False, envelope: bytes | None = None
    ) -> dict[str, Any]:
        """Add the statements of an OpenVEX document; returns how many are new."""
        path = f"/api/v1/vex{_asking(allow_unknown=allow_unknown)}"
        return self._act("POST", path, answers.STATED, _beside(document, envelope))

    def review(
        self, packages: Sequence[str], source: str, at: str = "", *, envelope: bytes | None = None
    ) -> dict[str, Any]:
        """State that packages were reviewed for vulnerabilities, now or `at` a time; returns how many are new."""
        form = {"packages": list(packages), "source": source, "at": at or None} | signed(envelope)
        return self._act("POST", "/api/v1/reviews", answers.REVIEWED, form)

    def reviews(self, package: str = "") -> dict[str, Any]:
        """Return the reviews of all packages, or of one."""
        return self._get_json("/api/v1/reviews", answers.REVIEWS, package=package or None)

    def advisory(self, number: str) -> dict[str, Any]:
        """Return an advisory, and the newest releases that it affects."""
        return self._get_json(f"/api/v1/advisories/{segment(number)}", answers.ADVISORY)

    def advisories(self, package: str = "") -> Iterator[dict[str, Any]]:
        """Yield all advisories by ID, or those on one package."""
        after: str | None = None
        while True:
            page = self._get_json("/api/v1/advisories", answers.ADVISORIES, package=package or None, after=after)
            yield from page["advisories"]
            after = page["next-after"]
            if after is None:
                return


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _beside(document: Mapping[str, Any], envelope: bytes | None) -> dict[str, Any]:
    """Return the body with a document: alone, which every farm reads, or with the envelope of its sender."""
    return dict(document) if envelope is None else {"document": dict(document)} | signed(envelope)


def _asking(*, allow_unknown: bool) -> str:
    return "?allow-unknown=true" if allow_unknown else ""
