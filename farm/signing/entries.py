"""The kinds of entries in the signer's ledger, with their JSON forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

from farm.core.names.digest import Digest
from farm.core.names.form import Form, Minimum
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
    """From here on this root is trusted, by version and digest of its file, and later ones that its keys sign."""

    kind: ClassVar[str] = "root"
    version: Annotated[int, Minimum(1)]
    digest: Digest


@dataclass(frozen=True, slots=True)
class TargetsSeen(Form, record="entry targets of a ledger"):
    """The version of targets in force, and the ids of the keys of snapshot then: no earlier version may follow."""

    kind: ClassVar[str] = "targets"
    version: Annotated[int, Minimum(1)]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelSeen(Form, record="entry channel of a ledger", keys={"number": "release-number"}):
    """The release of a channel that no earlier entry names: the ledger is new, or the channel has other keys.

    `release` is None, and `number` 0, while it has none; `keys` are the ids of the keys that sign for it.
    """

    kind: ClassVar[str] = "channel"
    channel: str
    number: int
    release: Digest | None
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderTaken(Form, record="entry order of a ledger", outside={"order"}):
    """An order that was verified, in its envelope. Raises `CuratorOrderError`."""

    kind: ClassVar[str] = "order"
    envelope: str
    order: CuratorOrder = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", kept_order(self.envelope.encode()))


@dataclass(frozen=True, slots=True)
class ReportOpened(Form, record="entry report of a ledger"):
    """A report of trouble with a package of a channel, as the farm passes it on: it is not signed."""

    kind: ClassVar[str] = "report"
    channel: str
    report: int
    package: Digest
    label: str
    reason: str

    @property
    def key(self) -> tuple[str, int, Digest]:
        """Its identity: the number alone is not signed."""
        return self.channel, self.report, self.package


@dataclass(frozen=True, slots=True)
class Signing(
    Form,
    record="entry signing of a ledger",
    keys={"number": "release-number"},
    omitted={"orders", "rolled_back", "returned"},
):
    """A release is about to be signed, and uses `orders`. Written before the release is published.

    It counts once the release is published: otherwise another release may use the orders. `rolled_back` are descriptors
    that it removes from the channel by a rollback, `returned` those that return.
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
    """The release that was about to be signed is published."""

    kind: ClassVar[str] = "released"
    channel: str
    release: Digest


Entry: TypeAlias = (
    Begun | RootPinned | TargetsSeen | ChannelSeen | OrderTaken | ReportOpened | Signing | Released
)  # fmt: skip
_KINDS: Mapping[str, type[Entry]] = {
    entry.kind: entry
    for entry in (Begun, RootPinned, TargetsSeen, ChannelSeen, OrderTaken, ReportOpened, Signing, Released)
}


def read_entry(kind: str, body: Any) -> Entry:
    """Read an entry of a kind. Raises `KeyError` for an unknown kind, `InvalidRecordError` and other `FarmError`s."""
    return _KINDS[kind].from_dict(body)
