"""Threat 36: control leases a plan that does not follow from the recipe, and gets honest provenance for it.

Against a signer in its own process, over its socket. All inputs of an honest worker are in the public store, with its
signature; the signer recomputes the plan from recipe, steps, toolchain and dependencies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from farm.server.pipeline.repository.next_release import make_release
from farm.server.pipeline.repository.signer_client import SignerClient, SignerRefusedError
from farm.signing.evidence import ReleaseEvidence
from farm.trust.ceremony.ceremony import found_repository, sign_policy
from farm.trust.metadata.repository import Repository
from tests.checker.built import DISTRIBUTION, LATER_STEPS, Builder
from tests.checker.signer_process import running_signer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.core.plan.job import BlobRef
    from farm.trust.index.release_index import Release
    from tests.checker.built import Package


@dataclass
class LyingControl:
    """Control under an attacker: it leases any plan, and asks the signer for anything."""

    builder: Builder
    public: Path
    signer: SignerClient

    def ask(self, *packages: Package, without: tuple[str, ...] = ()) -> Release:
        """Ask for the next release, with these packages in it, and evidence for all but those that it is `without`."""
        newest = Repository(self.public).current("edge").release
        release, index = make_release(
            newest,
            [package.entry for package in packages],
            [],
            distribution=DISTRIBUTION,
            channel="edge",
            now=datetime.now(UTC),
            read=self._read,
        )
        for blob in (*index, release.to_json()):
            self.builder.blobs.put_bytes(blob)
        dependencies = tuple(package.built for name, package in self.builder.built.items() if name not in without)
        self.signer.sign(release, self.builder.blobs.put_bytes(ReleaseEvidence(dependencies).to_json()))
        return release

    def released(self) -> int:
        newest = Repository(self.public).current("edge").release
        return newest.number if newest else 0

    def _read(self, blob: BlobRef) -> bytes:
        return self.builder.blobs.read(blob.digest)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[LyingControl]:
    public, keys, now = tmp_path / "public", tmp_path / "keys", datetime.now(UTC)
    builder = Builder.at(public / "blobs")
    found_repository(public, keys, ["edge"], [builder.worker.public_key], now)
    sign_policy(Repository(public), keys, builder.policy(), now)
    with running_signer(tmp_path, public) as signer:
        yield LyingControl(builder, public, signer)


def test_other_steps_under_an_honest_recipe_are_not_signed_and_honest_work_goes_on(control: LyingControl) -> None:
    builder = control.builder
    recipe = builder.recipe("zlib")
    honest = builder.pin(recipe)
    evil = replace(honest, steps=(*honest.steps, replace(honest.steps[0], script="printf evil >/out/usr/bin/zlib")))
    with pytest.raises(SignerRefusedError, match=r"the plan of dist\.example\.org/zlib does not follow") as refused:
        control.ask(builder.build(recipe, evil))
    assert "Build the package again" in refused.value.remedy
    assert control.released() == 0
    control.ask(builder.build(recipe))
    assert control.released() == 1


def test_a_dependency_that_is_never_released_cannot_hide_it(control: LyingControl) -> None:
    builder = control.builder
    recipe, user = builder.recipe("zlib"), builder.recipe("png", needs=("zlib",))
    builder.build(recipe, replace(builder.pin(recipe), environment=(("CFLAGS", "-include /sources/evil.h"),)))
    png = builder.build(user)
    with pytest.raises(SignerRefusedError, match="zlib does not follow from its recipe"):
        control.ask(png)
    with pytest.raises(SignerRefusedError, match="which has no provenance"):
        control.ask(png, without=("zlib",))
    builder.build(recipe)
    control.ask(builder.build(user))
    assert control.released() == 1


def test_steps_of_its_own_do_not_help(control: LyingControl) -> None:
    """The attacker's library of steps is in the store too; but nobody has signed it."""
    builder = control.builder
    with pytest.raises(SignerRefusedError, match="its steps should be"):
        control.ask(builder.build(builder.recipe("zlib", steps=LATER_STEPS)))
    assert control.released() == 0


def test_a_link_that_no_plan_asks_for_is_not_signed(control: LyingControl) -> None:
    builder = control.builder
    recipe = builder.recipe("zlib")
    with pytest.raises(SignerRefusedError, match="its links should be"):
        control.ask(builder.build(recipe, links=(("usr/bin/ls", "share/zlib/x"),)))
    assert control.released() == 0


def test_what_was_signed_before_is_believed_when_it_is_built_against(control: LyingControl) -> None:
    """A restarted signer has it in its record, and requires no evidence of it."""
    builder = control.builder
    zlib = builder.build(builder.recipe("zlib"))
    control.ask(zlib)
    png = builder.build(builder.recipe("png", needs=("zlib",)))
    builder.blobs.delete(zlib.built.recipe)
    control.ask(png)
    assert control.released() == 2
