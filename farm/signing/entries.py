"""What can stand in the signer's ledger: each kind of entry a value, with its form in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

from farm.core.names.digest import Digest
from farm.core.names.form import Form, Minimum
from farm.core.names.json_reader import Record
from farm.trust.attestation.curator_order import CuratorOrder, kept_order

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Begun(Form, record="entry begun of a ledger"):
    """The first entry of every ledger."""

    kind: ClassVar[str] = "begun"
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class RootPinned(Form, record="entry root of a ledger"):
    """From here on this root is trusted, by its version and the digest of its file, and what its keys sign as later."""

    kind: ClassVar[str] = "root"
    version: Annotated[int, Minimum(1)]
    digest: Digest


@dataclass(frozen=True, slots=True)
class TargetsSeen(Form, record="entry targets of a ledger"):
    """The version of targets that is in force, and the ids of the keys of snapshot then: no earlier one follows."""

    kind: ClassVar[str] = "targets"
    version: Annotated[int, Minimum(1)]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelSeen(Form, record="entry channel of a ledger", keys={"number": "release-number"}):
    """Which release a channel has, that no entry before tells of: the ledger is new, or the channel has other keys.

    `release` is None, and `number` 0, while it has none; `keys` are the ids of the keys that sign for it.
    """

    kind: ClassVar[str] = "channel"
    channel: str
    number: int
    release: Digest | None
    keys: tuple[str, ...]


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
    def from_dict(cls, value: Any) -> OrderTaken:
        """Read what `to_dict` gave. Raises `InvalidRecordError`, `CuratorOrderError`."""
        record = Record(value, "entry order of a ledger")
        envelope = record.text("envelope")
        record.end()
        return cls(kept_order(envelope.encode()), envelope)


@dataclass(frozen=True, slots=True)
class ReportOpened(Form, record="entry report of a ledger"):
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


@dataclass(frozen=True, slots=True)
class Signing(
    Form,
    record="entry signing of a ledger",
    keys={"number": "release-number"},
    omitted={"orders", "rolled_back", "returned"},
):
    """A release is going to be signed; `orders` are used by it. Written before anybody sees it.

    It counts once the release is published: of one that never came, the orders may be used by another.
    `rolled_back` are descriptors that it takes out of the channel by a rollback, `returned` such that come in again.
    """

    kind: ClassVar[str] = "signing"
    channel: str
    number: Annotated[int, Minimum(1)]
    release: Digest
    keys: tuple[str, ...]
    orders: tuple[Digest, ...] = ()
    rolled_back: tuple[Digest, ...] = ()
    returned: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True)
class Released(Form, record="entry released of a ledger"):
    """The release that was going to be signed is published."""

    kind: ClassVar[str] = "released"
    channel: str
    release: Digest


Entry: TypeAlias = (
    Begun | RootPinned | TargetsSeen | ChannelSeen | OrderTaken | ReportOpened | Signing | Released
)  # fmt: skip
_KINDS: Mapping[str, type[Entry]] = {
    each.kind: each
    for each in (Begun, RootPinned, TargetsSeen, ChannelSeen, OrderTaken, ReportOpened, Signing, Released)
}


def read_entry(kind: str, body: Any) -> Entry:
    """Read an entry of a kind. Raises `KeyError` for no kind, `InvalidRecordError` and other `FarmError`s."""
    return _KINDS[kind].from_dict(body)
