"""A draft: the next version of root or targets, which goes from key holder to key holder until enough have signed.

It is one file, and holds all that a machine without the repository needs to show what would change and who must sign:
the version before, the root that names the signers, the list of builders.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from farm.core.names.digest import Digest, InvalidDigestError
from farm.errors import FarmError
from farm.trust.keys.signers import SigningError
from farm.trust.layout import BUILDERS_TARGET
from farm.trust.metadata.builder_rules import check_builders, check_policy
from farm.trust.metadata.builders import read_builders
from farm.trust.metadata.delegation import check_root, check_targets
from farm.trust.metadata.signed_policy import read_policy
from farm.trust.metadata.step_texts import read_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from securesystemslib.signer import Key, Signer

    from farm.trust.metadata.signed_policy import StepTexts

DraftRole: TypeAlias = Literal["root", "targets"]
FORMAT = 1
LARGEST_DRAFT = 4 * 1024 * 1024
_METADATA = ("previous", "root", "coming")
"""The fields of a draft, and members of its file, that may hold other metadata."""
_DO_NOT_SIGN = "Do not sign. Ask for a new draft, made with `farm keys draft`."
_NEVER_SIGNED = "the version before, which the draft carries with it, was never signed"


class DraftError(FarmError):
    """A file is not a draft, or one that cannot become the next version."""

    code = "draft"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy or "Make a new draft with `farm keys draft`, on what is published now.")


@dataclass(frozen=True, slots=True)
class Quorum:
    """Keys of which `threshold` must sign: those that have, and those that have not yet."""

    name: str
    threshold: int
    signed: tuple[Key, ...]
    unsigned: tuple[Key, ...]

    @property
    def missing(self) -> int:
        """How many more signatures are needed."""
        return max(0, self.threshold - len(self.signed))


@dataclass(frozen=True, slots=True)
class Draft:
    """The next version of root or targets. `root` names the signers of targets; `coming` is a root to be published.

    `builders` and `builders_before` are the lists that targets and its predecessor name, as text; `steps` the texts of
    libraries of steps in which these differ.
    """

    metadata: Metadata[Any]
    previous: Metadata[Any] | None = None
    root: Metadata[Root] | None = None
    coming: Metadata[Root] | None = None
    builders: str = ""
    builders_before: str = ""
    steps: StepTexts = field(default_factory=dict)

    @property
    def role(self) -> DraftRole:
        """Whose metadata this is."""
        return cast("DraftRole", self.metadata.signed.type)

    @property
    def version(self) -> int:
        """The version that it would be."""
        return int(self.metadata.signed.version)

    @property
    def rests_on(self) -> Metadata[Root] | None:
        """The root in force when it was made, which names its signers; None for one that founds a repository."""
        if self.previous is None:
            return None
        return cast("Metadata[Root]", self.previous) if self.role == "root" else self.root

    def quorums(self) -> list[Quorum]:
        """Return the keys that must sign: for root its predecessor's and its own, for targets those that root names."""
        if self.role == "root":
            roots = [metadata.signed for metadata in (self.previous, self.metadata) if metadata]
            return [self._quorum(f"root version {root.version}", root, "root") for root in roots]
        roots = [metadata.signed for metadata in (self.root, self.coming) if metadata]
        return [self._quorum(f"targets, by root version {root.version}", root, "targets") for root in roots]

    def require_complete(self) -> None:
        """Raise a `FarmError` when signatures are missing."""
        if missing := [quorum for quorum in self.quorums() if quorum.missing]:
            what = "; ".join(
                f"{quorum.name} needs {quorum.threshold} and has {len(quorum.signed)} "
                f"(not yet: {_short(quorum.unsigned)})"
                for quorum in missing
            )
            raise FarmError(
                f"version {self.version} of {self.role} lacks signatures: {what}",
                remedy="Carry the draft to the holders of these keys: `farm keys sign DRAFT --key KEY`.",
                code="unfinished-draft",
            )

    def check(self) -> None:
        """Refuse a draft that could never be published. Raises `DraftError`, `DelegationError`."""
        before = self.previous.signed if self.previous else None
        if before and before.type != self.role:
            raise DraftError(f"the draft of {self.role} follows on metadata of {before.type}")
        expected = before.version + 1 if before else 1
        if self.version != expected:
            raise DraftError(f"the draft is version {self.version} of {self.role}; it must be {expected}")
        if before:
            _check_same_keys(keys_of(before), keys_of(self.metadata.signed))
        if self.role == "root":
            check_root(self.metadata.signed)
            if self.previous:
                check_signed(self.previous.signed, "root", self.previous, _NEVER_SIGNED, _DO_NOT_SIGN)
        else:
            self._check_targets()

    def check_may_sign(self, key: Key) -> None:
        """Raise `DraftError` when this key may not sign, or has signed already."""
        keyid = key.keyid
        quorums = self.quorums()
        if any(keyid == known.keyid for quorum in quorums for known in quorum.signed):
            raise DraftError(f"the key {keyid} has signed this draft already", remedy="Carry it on to the next holder.")
        if not any(keyid == known.keyid for quorum in quorums for known in quorum.unsigned):
            names = " and ".join(quorum.name for quorum in quorums)
            raise DraftError(
                f"the key {keyid} is none of those that sign for {names}",
                remedy="See `farm keys show DRAFT` for the keys that count, and sign with one of these.",
            )

    def signed_by(self, signer: Signer) -> Draft:
        """Return the draft with one more signature. Raises `DraftError` when this key may not sign, `SigningError`."""
        self.check_may_sign(signer.public_key)
        copy: Metadata[Any] = Metadata.from_bytes(self.metadata.to_bytes())
        try:
            copy.sign(signer, append=True)
        except RepositoryError as error:
            raise SigningError(f"the key {signer.public_key.keyid} did not sign: {error.__cause__ or error}") from error
        return replace(self, metadata=copy)

    def joined(self, other: Draft) -> Draft:
        """Return the draft with the signatures of another copy as well. Raises `DraftError` when it is not a copy."""
        if other.metadata.signed_bytes != self.metadata.signed_bytes:
            raise DraftError(
                f"two different drafts of version {self.version} of {self.role}: they do not say the same",
                remedy="Give copies of one draft.",
            )
        copy: Metadata[Any] = Metadata.from_bytes(self.metadata.to_bytes())
        copy.signatures.update(other.metadata.signatures)
        return replace(self, metadata=copy)

    def to_json(self) -> bytes:
        """Return the content of the draft's file."""
        form: dict[str, Any] = {"farm-draft": FORMAT, "metadata": self.metadata.to_dict()}
        for name in _METADATA:
            if metadata := getattr(self, name):
                form[name] = metadata.to_dict()
        if self.role == "targets":
            form |= {"builders": self.builders, "builders-before": self.builders_before}
        if self.steps:
            form["steps"] = {digest: dict(texts) for digest, texts in self.steps.items()}
        return (json.dumps(form, indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes) -> Draft:
        """Read a draft; raises `DraftError`."""
        try:
            if len(content) > LARGEST_DRAFT:
                raise DraftError(f"a draft has at most {LARGEST_DRAFT} bytes")
            form = json.loads(content)
            if form["farm-draft"] != FORMAT:
                raise DraftError(f"this is a draft of format {form['farm-draft']}", remedy="Upgrade the farm.")
            draft = cls(
                metadata=Metadata.from_dict(form["metadata"]),
                **{name: Metadata.from_dict(form[name]) for name in _METADATA if form.get(name) is not None},
                builders=str(form.get("builders", "")),
                builders_before=str(form.get("builders-before", "")),
                steps=read_texts(form.get("steps", {})),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RepositoryError, InvalidDigestError) as error:
            why = f"it has no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
            raise DraftError(
                f"this is not a draft: {why}",
                remedy="Name a file that `farm keys draft` or `farm keys init` has written.",
            ) from error
        for metadata, kind in ((draft.metadata, (Root, Targets)), (draft.root, (Root,)), (draft.coming, (Root,))):
            if metadata and not isinstance(metadata.signed, kind):
                raise DraftError(f"the draft holds metadata of {metadata.signed.type} where it does not belong")
        return draft

    def _check_targets(self) -> None:
        if self.root is None:
            raise DraftError("the draft of targets does not say which root names its signers")
        if self.previous:
            check_signed(self.root.signed, "targets", self.previous, _NEVER_SIGNED, _DO_NOT_SIGN)
        _check_list(self.metadata.signed, self.builders, "the list of builders in the draft")
        for root in filter(None, (self.root, self.coming)):
            check_targets(self.metadata.signed, root.signed)
            check_builders(read_builders(self.builders.encode()), root.signed, self.metadata.signed)
        check_policy(read_policy(self.builders.encode()), read_builders(self.builders.encode()), self.metadata.signed)
        # Signers are shown the difference of the two lists, so the older one must be the signed one.
        if self.previous:
            _check_list(self.previous.signed, self.builders_before, "the list of builders before")
            before, now = (read_builders(document.encode()) for document in (self.builders_before, self.builders))
            _check_same_keys(before, now)
            _check_same_keys(before.testers or {}, now.testers or {})
        elif self.builders_before:
            raise DraftError("the previous list of builders has a version that does not exist", remedy=_DO_NOT_SIGN)

    def _quorum(self, name: str, delegator: Root, role: str) -> Quorum:
        result = delegator.get_verification_result(role, self.metadata.signed_bytes, self.metadata.signatures)
        return Quorum(name, result.threshold, tuple(result.signed.values()), tuple(result.unsigned.values()))


def keys_of(document: Root | Targets) -> Mapping[str, Key]:
    """Return the keys of the roles that a document delegates to, by key id."""
    if isinstance(document, Root):
        return document.keys
    return document.delegations.keys if document.delegations else {}


def _check_list(targets: Targets, builders: str, what: str) -> None:
    target = targets.targets.get(BUILDERS_TARGET)
    if target is None or target.hashes.get("sha256") != Digest.of(builders.encode()).hex:
        raise DraftError(f"{what} is not the one that its metadata names", remedy=_DO_NOT_SIGN)


def _check_same_keys(before: Mapping[str, Key], now: Mapping[str, Key]) -> None:
    # People see ids: another key under a known id would be a change that is not shown.
    for keyid in before.keys() & now.keys():
        if before[keyid] != now[keyid]:
            raise DraftError(
                f"the draft has another key under the id {keyid} than the version before",
                remedy=_DO_NOT_SIGN,
            )


def check_signed(delegator: Root, role: str, metadata: Metadata[Any], problem: str, remedy: str) -> None:
    """Check that the keys of a role, as `delegator` names them, have signed. Raises `DraftError` with the problem."""
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise DraftError(f"{problem}: {error}", remedy=remedy) from error


def _short(keys: tuple[Key, ...]) -> str:
    return ", ".join(key.keyid[:16] for key in keys) or "none"
