"""A removed builder has no part in new releases: neither as builder nor through code that it built."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.trust.attestation.curator_order import Act
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.ceremony.drafting import TargetsEdit, draft_targets
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.keys.key_files import load_key
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from tests.checker.channel import Channel, opened_channel
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from tests.checker.built import Package

STABLE = {"channels/stable.yaml": b"from: edge\ngates: [proof]\n"}
REASON = r"was built against dist\.example\.org/static 1\.0-1, and no allowed builder has attested that"


@dataclass
class Removal:
    """`edge` has released `static`, by a builder whose key is stolen, and `user`, by an honest one, built with that."""

    edge: Channel
    stolen: CryptoSigner
    honest: CryptoSigner
    user: Package

    @classmethod
    def before(cls, folder: Path) -> Removal:
        stolen = CryptoSigner.generate_ed25519()
        edge = opened_channel(folder, b"gates: [proof]\n", name="stable", builders=[stolen], policies=STABLE).named(
            "edge"
        )
        honest, edge.builder.worker = edge.builder.worker, stolen
        static = edge.builder.build(edge.builder.recipe("static"))
        edge.builder.worker = honest
        user = edge.builder.build(edge.builder.recipe("user", needs=("static",)))
        edge.sign(static, user)
        return cls(edge, stolen, honest, user)

    def remove(self) -> None:
        place, now = Repository(self.edge.public), self.edge.now
        draft = draft_targets(place, TargetsEdit(remove_builders=(self.stolen.public_key.keyid,)), now)
        draft = draft.signed_by(load_key(self.edge.keys / "offline" / "targets"))
        publish_draft(place, draft, read_signers(self.edge.keys / "online"), now)

    def build(self, name: str, revision: int = 1, needs: tuple[str, ...] = ()) -> Package:
        recipe = self.edge.builder.recipe(name, more=f"revision: {revision}\n", needs=needs)
        return self.edge.builder.build(recipe)


@pytest.fixture
def removal(tmp_path: Path) -> Removal:
    return Removal.before(tmp_path)


def test_no_code_of_it_comes_in_with_what_an_honest_builder_makes(removal: Removal) -> None:
    removal.edge.sign(removal.build("app", needs=("static",)))
    removal.remove()
    newer = removal.build("app", 2, needs=("static",))
    with refuses("removed-builder", match=rf"app 1\.0-2 {REASON}") as no:
        removal.edge.sign(newer, removal.build("other"))
    assert no.value.by_package.keys() == {"app"}
    assert "Raise the revision in the recipe that makes static" in no.value.remedy


def test_nor_with_something_between_that_was_never_released(removal: Removal) -> None:
    removal.remove()
    removal.build("between", needs=("static",))
    with refuses("removed-builder", match=rf"between 1\.0-1 {REASON}"):
        removal.edge.sign(removal.build("app", needs=("between",)))


def test_nor_into_a_channel_that_never_had_it(removal: Removal) -> None:
    """Although the channel that it comes from has it: what was released there stays there."""
    removal.remove()
    with refuses("removed-builder", match=rf"user 1\.0-1 {REASON}") as no:
        removal.edge.named("stable").sign(removal.user)
    assert no.value.by_package.keys() == {"user"}
    with pytest.raises(InvalidEnvelopeError):
        removal.edge.named("stable").sign(removal.edge.builder.built["static"])


def test_what_the_channel_has_stays_and_comes_back(removal: Removal) -> None:
    edge = removal.edge
    before = edge.newest().digest
    edge.sign(removal.build("user", 2, needs=("static",)))
    removal.remove()
    edge.sign(removal.build("other"))
    edge.sign(removal.user, remove=["other"], orders=[edge.order(Act.ROLLBACK, target=before)])
    assert edge.released == 4


def test_with_a_revision_by_another_builder_all_goes_on(removal: Removal) -> None:
    removal.remove()
    removal.edge.sign(removal.build("static", 2))
    user, app = (removal.build(name, 2, needs=("static",)) for name in ("user", "app"))
    removal.edge.sign(user, app)
    removal.edge.named("stable").sign(removal.edge.builder.built["static"], user, app)
    assert removal.edge.named("stable").released == 1


def test_it_is_enough_that_another_builder_came_to_the_same(removal: Removal) -> None:
    """As evidence the farm brings the provenance of a builder that is still allowed."""
    removal.remove()
    static = removal.edge.builder.built["static"]
    word = removal.edge.builder.said(removal.honest, static)
    removal.edge.builder.ever[0] = replace(static, built=replace(static.built, provenance=word))
    removal.edge.sign(removal.build("app", needs=("static",)))
    removal.edge.named("stable").sign(removal.user)
    assert removal.edge.released == 2
