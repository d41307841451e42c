"""What can stand in the signer's ledger: each kind of entry a value, with its form in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from farm.core.names.digest import Digest
from farm.core.names.json_reader import Record
from farm.trust.attestation.curator_order import CuratorOrder, kept_order

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Begun:
    """The first entry of every ledger."""

    kind: ClassVar[str] = "begun"
    format: int = FORMAT

    def to_dict(self) -> dict[str, Any]:
        """Return what the entry says as JSON values."""
        return {"format": self.format}

    @classmethod
    def from_record(cls, record: Record) -> Begun:
        """Read what `to_dict` gave."""
        return cls(record.number("format"))


@dataclass(frozen=True, slots=True)
class RootPinned:
    """From here on this root is trusted, by its version and the digest of its file, and what its keys sign as later."""

    kind: ClassVar[str] = "root"
    version: int
    digest: Digest

    def to_dict(self) -> dict[str, Any]:
        """Return what the entry says as JSON values."""
        return {"digest": self.digest, "version": self.version}

    @classmethod
    def from_record(cls, record: Record) -> RootPinned:
        """Read what `to_dict` gave."""
        return cls(record.number("version", minimum=1), record.digest("digest"))


@dataclass(frozen=True, slots=True)
class TargetsSeen:
    """The version of targets that is in force, and the ids of the keys of snapshot then: no earlier one follows."""

    kind: ClassVar[str] = "targets"
    version: int
    keys: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what the entry says as JSON values."""
        return {"keys": list(self.keys), "version": self.version}

    @classmethod
    def from_record(cls, record: Record) -> TargetsSeen:
        """Read what `to_dict` gave."""
        return cls(record.number("version", minimum=1), record.texts("keys"))


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    """Which release a channel has, that no entry before tells of: the ledger is new, or the channel has other keys.

    `release` is None, and `number` 0, while it has none; `keys` are the ids of the keys that sign for it.
    """

    kind: ClassVar[str] = "channel"
    channel: str
    number: int
    release: Digest | None
    keys: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what the entry says as JSON values."""
        return {
            "channel": self.channel,
            "keys": list(self.keys),
            "release": self.release,
            "release-number": self.number,
        }

    @classmethod
    def from_record(cls, record: Record) -> ChannelSeen:
        """Read what `to_dict` gave."""
        return cls(record.text("channel"), record.number("release-number"), _maybe(record), record.texts("keys"))


@dataclass(frozen=True, slots=True)
class OrderTaken:
    """An order that was verified, in its envelope."""

    kind: ClassVar[str] = "order"
    order: CuratorOrder
    envelope: str

    def to_dict(self) -> dict[str, Any]:
        """Return what the entry says as JSON values."""
        return {"envelope": self.envelope}

    @classmethod
    def from_record(cls, record: Record) -> OrderTaken:
        """Read what `to_dict` gave."""
        envelope = record.text("envelope")
        return cls(kept_order(envelope.encode()), envelope)


@dataclass(frozen=True, slots=True)
class ReportOpened:
    """Trouble with a package of a channel that somebody reported, as the farm tells it: nobody has signed that."""

    kind: ClassVar[str] = "report"
    channel: str
    report: int
    package: Digest
    label: str
    reason: str

    @property
    def key(self) -> tuple[str, int, Digest]:
        """By what it is known: the number alone is whatever the farm says."""
        return self.channel, self.report, self.package

    def to_dict(self) -> dict[str, Any]:
        """Return what the entry says as JSON values."""
        return {
            "channel": self.channel,
            "label": self.label,
            "package": self.package,
            "reason": self.reason,
            "report": self.report,
        }

    @classmethod
    def from_record(cls, record: Record) -> ReportOpened:
        """Read what `to_dict` gave."""
        return cls(
            channel=record.text("channel"),
            report=record.number("report"),
            package=record.digest("package"),
            label=record.text("label"),
            reason=record.text("reason"),
        )


@dataclass(frozen=True, slots=True)
class Signing:
    """A release is going to be signed; `orders` are used by it. Written before anybody sees it.

    It counts once the release is published: of one that never came, the orders may be used by another.
    `rolled_back` are descriptors that it takes out of the channel by a rollback, `returned` such that come in again.
    """

    kind: ClassVar[str] = "signing"
    channel: str
    number: int
    release: Digest
    keys: tuple[str, ...]
    orders: tuple[Digest, ...] = ()
    rolled_back: tuple[Digest, ...] = ()
    returned: tuple[Digest, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what the entry says as JSON values."""
        form: dict[str, Any] = {
            "channel": self.channel,
            "keys": list(self.keys),
            "release": self.release,
            "release-number": self.number,
        }
        for name, digests in (
            ("orders", self.orders),
            ("rolled-back", self.rolled_back),
            ("returned", self.returned),
        ):
            if digests:
                form[name] = list(digests)
        return form

    @classmethod
    def from_record(cls, record: Record) -> Signing:
        """Read what `to_dict` gave."""
        return cls(
            channel=record.text("channel"),
            number=record.number("release-number", minimum=1),
            release=record.digest("release"),
            keys=record.texts("keys"),
            orders=tuple(map(Digest, record.texts("orders"))),
            rolled_back=tuple(map(Digest, record.texts("rolled-back"))),
            returned=tuple(map(Digest, record.texts("returned"))),
        )


@dataclass(frozen=True, slots=True)
class Released:
    """The release that was going to be signed is published."""

    kind: ClassVar[str] = "released"
    channel: str
    release: Digest

    def to_dict(self) -> dict[str, Any]:
        """Return what the entry says as JSON values."""
        return {"channel": self.channel, "release": self.release}

    @classmethod
    def from_record(cls, record: Record) -> Released:
        """Read what `to_dict` gave."""
        return cls(record.text("channel"), record.digest("release"))


Entry: TypeAlias = (
    Begun | RootPinned | TargetsSeen | ChannelSeen | OrderTaken | ReportOpened | Signing | Released
)  # fmt: skip
_KINDS: Mapping[str, type[Entry]] = {
    each.kind: each
    for each in (Begun, RootPinned, TargetsSeen, ChannelSeen, OrderTaken, ReportOpened, Signing, Released)
}
_OPTIONAL: dict[str, dict[str, Any]] = {Signing.kind: {"orders": [], "rolled-back": [], "returned": []}}


def read_entry(kind: str, body: Mapping[str, Any]) -> Entry:
    """Read an entry of a kind. Raises `KeyError` for no kind, `InvalidRecordError` and other `FarmError`s."""
    record = Record(_OPTIONAL.get(kind, {}) | dict(body), f"entry {kind} of a ledger")
    entry = _KINDS[kind].from_record(record)
    record.end()
    return entry


def _maybe(record: Record) -> Digest | None:
    value = record.value("release")
    return None if value is None else Digest(value)
