"""Where a package comes from: each link is marked as verified here or only claimed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.cli.inspect.provenance_lines import provenance_lines
from farm.client.audit.trace import Tracing
from farm.client.override.overrides import BuiltHere, Override, Overrides, OverrideScope
from farm.client.root.file_owner import owner_of
from farm.client.root.generations import Root
from farm.client.root.installed_set import UnlistedPackageError
from farm.core.names.digest import Digest
from farm.core.plan.job import SourceOrigin
from farm.trust.attestation.provenance import ProvenanceError
from farm.trust.keys.key_files import write_public_key
from farm.trust.metadata.key_names import KeyNames
from tests.client.distribution import SmallDistribution
from tests.client.images import build, subscribe
from tests.client.installing import install
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.cli.output import Line
    from farm.client.audit.provenance import Provenance
    from farm.client.repository.host import Host

TARBALL, PATCH = b"the tarball", b"the patch"
ADDRESS = "https://upstream.example/tool-1.0.tar.gz"
RECIPE = f"""\
name: tool
version: 1.0
summary: The tool
license: MIT
source:
  - url: {ADDRESS}
    sha256: {Digest.of(TARBALL).hex}
    origins: [debian: tool]
  - file: fix.patch
  - from-toolchain: libc6
toolchain: full
steps: []
"""
SOURCES = {"tool-1.0.tar.gz": TARBALL, "fix.patch": PATCH, "libc6.deb": b"deb"}


@pytest.fixture
def other() -> CryptoSigner:
    return CryptoSigner.generate_ed25519()


@pytest.fixture
def channel(tmp_path: Path, host: Host, other: CryptoSigner) -> SmallDistribution:
    """`tool` was built twice, against `pack`, whose code it took in; `pack` was built against `base`."""
    distribution = SmallDistribution(tmp_path / "distribution", builders=[other])
    distribution.package("base", {"lib/base.a": "base\n"})
    distribution.package("pack", {"lib/pack.a": "pack\n"}, version="1.3", linked=("base",))
    origins = [SourceOrigin(Digest.of(TARBALL), "https://mirror.example/tool-1.0.tar.gz")]
    distribution.package(
        "tool",
        {"bin/tool": "#!/bin/tool\n", "share/tool/words": "words\n"},
        linked=("pack",),
        made_of=SOURCES,
        text=RECIPE,
        origins=origins,
    )
    entry, member = distribution.entries["tool"]
    distribution.entries["tool"] = replace(entry, rebuilds=(distribution.rebuilt("tool", other),)), member
    distribution.publish()
    subscribe(host, distribution)
    return distribution


def traced(host: Host, name: str = "tool") -> Provenance:
    return Tracing(host).of_release(host.catalogue(), name)


def test_the_chain_of_a_package_is_told(host: Host, channel: SmallDistribution, other: CryptoSigner) -> None:
    found = traced(host)
    assert found.release is not None
    assert channel.released is not None
    assert channel.founded is not None
    assert found.release.ref.release == channel.released.digest
    assert found.release.root == channel.founded.fingerprint
    assert found.release.signers is not None
    assert found.release.signers.threshold == 1
    assert [attested_build.run.builder for attested_build in found.builds] == [
        signer.public_key.keyid for signer in (channel.builder, other)
    ]
    assert found.release.signers.since == {signer.public_key.keyid: 1 for signer in (channel.builder, other)}
    assert [(source.file, source.kind, source.is_pinned) for source in found.sources] == [
        ("tool-1.0.tar.gz", "fetched", True),
        ("fix.patch", "beside-recipe", True),
        ("libc6.deb", "of-toolchain", False),
    ]
    assert (found.sources[0].url, found.sources[0].origins) == (ADDRESS, ("debian:tool",))
    assert found.builds[0].taken_from == {Digest.of(TARBALL): "https://mirror.example/tool-1.0.tar.gz"}
    assert found.toolchain is not None
    assert found.toolchain.name == "full"
    (needed,) = found.dependencies
    assert (needed.package, needed.opened) == ("pack 1.3-1", ("static",))
    assert needed.descriptor == channel.entries["pack"][1].descriptor.digest
    assert found.contradictions == ()


def test_what_is_verified_and_what_is_said_stand_apart(host: Host, channel: SmallDistribution, tmp_path: Path) -> None:
    (tmp_path / "names").mkdir()
    write_public_key(tmp_path / "names" / "worker-1.pub", channel.builder.public_key)
    lines = [_plain(line) for line in provenance_lines(traced(host), KeyNames.beneath([tmp_path / "names"]))]
    headings = [line for line in lines if not line.startswith("  ")]
    assert headings == [
        "dist.example.org/tool 1.0-1",
        "Verified on this machine, now:",
        "Claimed and signed by the builders; not repeated here:",
        "Claimed by the distribution, in documents that the release names:",
    ]
    verified, built, said = (lines.index(heading) for heading in headings[1:])

    def part(text: str) -> int:
        (number,) = [n for n, line in enumerate(lines) if text in line]
        return number

    assert verified < part("2 independent builders with the same tree; 1 required") < built
    assert verified < part(f"{channel.builder.public_key.keyid} worker-1, allowed since version 1 of targets") < built
    assert verified < part("2 of 3 in the plan are pinned by the recipe, with the same digest") < built
    assert built < part(f"from        tool-1.0.tar.gz {Digest.of(TARBALL)}") < said
    assert built < part("tool-1.0.tar.gz: https://mirror.example/tool-1.0.tar.gz") < said
    assert built < part("pack 1.3-1, in release 1 of dist.example.org/edge; code of it was linked in") < said
    assert said < part(f"tool-1.0.tar.gz is at {ADDRESS}, or debian:tool")
    assert said < part("signatures of their authors are not checked")
    assert said < part("toolchain   full")


def test_a_source_that_the_recipe_does_not_name_contradicts_it(host: Host, channel: SmallDistribution) -> None:
    """An allowed builder that lies: it names the recipe, but built something else."""
    channel.package("tool", {"bin/tool": "evil"}, made_of={**SOURCES, "tool-1.0.tar.gz": b"another"}, text=RECIPE)
    channel.publish()
    found = traced(host)
    assert [source.kind for source in found.sources] == ["not-in-recipe", "beside-recipe", "of-toolchain"]
    (contradiction,) = found.contradictions
    assert "was built from tool-1.0.tar.gz" in contradiction
    assert f"CONTRADICTION: {contradiction}" in [_plain(line) for line in provenance_lines(found, KeyNames())]


def _plain(line: Line) -> str:
    return str(line)


def test_a_recipe_that_cannot_be_had_is_told_and_no_source_counts_as_pinned(
    host: Host, channel: SmallDistribution
) -> None:
    recipe = channel.entries["tool"][0].recipe
    channel.blobs.path(recipe).unlink()
    found = traced(host)
    assert {source.kind for source in found.sources} == {"unknown"}
    assert "the repository lacks" in found.unread
    assert found.contradictions == ()


def test_deep_follows_what_it_was_built_against_also_into_earlier_releases(
    host: Host, channel: SmallDistribution
) -> None:
    channel.package("pack", {"lib/pack.a": "pack 2\n"}, version="2.0")
    channel.publish()
    tracing = Tracing(host)
    first = tracing.of_release(host.catalogue(), "tool")
    assert first.dependencies[0].release is not None
    assert first.dependencies[0].release.number == 1
    found = list(tracing.deep(first))
    assert [provenance.label for provenance in found] == ["dist.example.org/pack 1.3-1", "dist.example.org/base 1.0-1"]
    assert found[0].release is not None
    assert found[0].release.ref.number == 1


def test_nothing_is_told_of_a_package_that_would_not_be_installed(host: Host, channel: SmallDistribution) -> None:
    channel.package("tool", {"bin/tool": "x"}, recipe=Digest.of(b"another recipe"))
    channel.publish(checked=False)
    with pytest.raises(ProvenanceError, match="was built from recipe"):
        traced(host)


@pytest.mark.parametrize("path", ["usr/bin/tool", "packages/STORE/bin/tool", "bin/tool"])
def test_a_file_of_a_root_is_traced_through_all_links(
    host: Host, channel: SmallDistribution, tmp_path: Path, path: str
) -> None:
    root = tmp_path / "root"
    (placed,) = install(host, root, "tool").set.packages
    owned = owner_of(root / path.replace("STORE", placed.store))
    assert (owned.placed, owned.path, owned.root) == (placed, "bin/tool", root)
    found = Tracing(host).of_file(owned)
    assert found.file is not None
    assert (found.file.how, found.file.digest) == ("", Digest.of(b"#!/bin/tool\n"))
    assert found.descriptor == channel.entries["tool"][1].descriptor.digest


def test_a_file_that_was_changed_is_told_and_its_package_traced(
    host: Host, channel: SmallDistribution, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    install(host, root, "tool")
    file = (root / "usr/bin/tool").resolve()
    file.chmod(0o755)
    file.write_text("#!/bin/evil\n")
    found = Tracing(host).of_file(owner_of(root / "usr/bin/tool"))
    assert found.contradictions == (f"{root}/usr/bin/tool: its content differs",)
    assert "  NOT AS SIGNED: its content differs" in [_plain(line) for line in provenance_lines(found, KeyNames())]
    file.unlink()
    assert Tracing(host).of_file(owner_of(root / "usr/bin/tool")).contradictions[0].endswith("it is gone")


def test_a_file_of_an_older_generation_is_of_the_release_that_it_came_from(
    host: Host, channel: SmallDistribution, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    (before,) = install(host, root, "tool").set.packages
    channel.package("tool", {"bin/tool": "newer"}, version="1.1", text=RECIPE, made_of=SOURCES)
    channel.publish()
    install(host, root, "tool")
    found = Tracing(host).of_file(owner_of(root / "packages" / before.store / "bin/tool"))
    assert found.version == "1.0-1"
    assert found.release is not None
    assert found.release.ref.number == 1


def test_what_no_package_owns_is_said_to_be_nobodys(host: Host, channel: SmallDistribution, tmp_path: Path) -> None:
    root = tmp_path / "root"
    install(host, root, "tool")
    (root / "tmp" / "mine").touch()
    (root / "tmp" / "out").symlink_to("/etc/passwd")
    for path, message in (
        (root / "tmp/mine", "is of no package"),
        (root / "tmp/out", "it leads to /etc/passwd"),
        (root / "usr", "is of no package"),
        (tmp_path, "in no directory that farm has installed into"),
    ):
        with refuses("not-owned", match=message):
            owner_of(path)


def test_a_package_of_an_image_is_traced_from_its_record(host: Host, channel: SmallDistribution) -> None:
    image = build(host, "tool", name="api:1")
    channel.package("tool", {"bin/tool": "newer"}, version="1.1")
    channel.publish()
    found = Tracing(host).of_set(image.record, "tool", "api:1")
    assert found.version == "1.0-1"
    with pytest.raises(UnlistedPackageError, match="api:1 holds no package tol") as caught:
        Tracing(host).of_set(image.record, "tol", "api:1")
    assert caught.value.remedy == "Did you mean tool?"


def test_what_was_built_here_is_told_to_be_vouched_for_by_nobody(
    host: Host, channel: SmallDistribution, tmp_path: Path
) -> None:
    mine = SmallDistribution(tmp_path / "mine")
    mine.package("tool", {"bin/tool": "mine"}, version="9", made_of={"mine.c": b"code"})
    entry, _ = mine.entries["tool"]
    for blob in (entry.descriptor, entry.manifest, entry.facts, entry.provenance, entry.archive):
        host.blobs.put_bytes(mine.read(blob))
    released = host.catalogue().entry("tool")
    override = Override(
        "tool",
        "dist.example.org/edge",
        "a patch",
        "tool 1.0-1",
        released.descriptor.digest,
        built=BuiltHere(entry, "/src/tool"),
    )
    Overrides(host.state).add(OverrideScope(), override)
    root = tmp_path / "root"
    install(host, root, "tool")
    found = Tracing(host).of_set(Root(root).installed().set, "tool", str(root))
    assert (found.release, found.builds) == (None, ())
    assert [source.file for source in found.sources] == ["mine.c"]
    lines = [_plain(line) for line in provenance_lines(found, KeyNames())]
    assert lines[1].startswith("OVERRIDE: tool 9-1, built here, replaces tool 1.0-1: a patch")
    assert any("no release holds this build" in line for line in lines)
    assert "Claimed by the build on this host; not signed:" in lines
    assert not any("Claimed and signed by the builders" in line for line in lines)
