"""A signed repository with two channels, the other distribution that it imports a package of, and a mirror of both."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.client.mirror.mirror import MirrorSelection, mirror
from farm.client.repository.host import Host
from farm.core.advisories.openvex import read_openvex
from farm.core.advisories.osv import read_osv
from farm.core.advisories.reviews import Review
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.plan.job import SourceOrigin
from farm.signing.sign import publish_advisories, publish_reviews
from farm.trust.attestation.advisory_statement import advisory_claim, review_claim, statement_claim
from farm.trust.attestation.approval import approval_statement
from farm.trust.attestation.curator_order import Act
from farm.trust.attestation.dsse import sign_statement
from farm.trust.ceremony.drafting import RoleEdit, draft_root
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.index.advisory_index import AdvisoryIndex, ListedAdvisory, document_of
from farm.trust.index.imports import Import, ImportedPackage
from farm.trust.index.review_list import ReviewList
from farm.trust.keys.key_files import create_key, load_key
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from farm.trust.verification.release_proof import ReleaseProof
from tests.checker.channel import Channel, opened_channel
from tests.checker.checked_signing import ChecksHere
from tests.client.distribution import SmallDistribution
from tests.core.advisories.osv_documents import openvex, osv
from tests.foreign.neighbours import FIRST, announce, review, theirs
from tests.formats import kept
from tests.formats.keys import key
from tests.formats.make.fixed import tick
from tests.formats.make.packing import packed
from tests.formats.reading.processes import record_text
from tests.formats.reading.subscriber import published_documents, views

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.recipe.recipe import Recipe
    from tests.checker.built import Package
    from tests.formats.make.__main__ import Output

ADDRESS = "http://127.0.0.1:9/"
"""The claimed address of the other distribution: nothing listens there, and readers use the mirror."""
ALICE, TESTER, AGAIN = key("alice"), key("tester"), key("another builder")
PATCH = b"--- a/openssl.c\n+++ b/openssl.c\n@@ -1 +1 @@\n-1\n+2\n"
TARBALL = b"the sources of openssl"
THEIR_RECIPE = f"""\
name: openssl
version: "3.0"
summary: The openssl package
license: MIT
source:
  - url: https://example.org/openssl-3.0.tar.gz
    sha256: {Digest.of(TARBALL).hex}
    origins: [debian: openssl]
  - file: fix.patch
toolchain: full
steps: []
"""
TESTED = "tests: [{name: works, command: [/usr/bin/works]}]\n"
EDGE = b"gates: [proof, tests: {of: changed-and-dependents}]\ntransitions:\n  - {name: two, packages: [jq, jq-doc]}\n"


def make(out: Output, folder: Path) -> None:
    """Write `published.tar.gz`."""
    other = other_distribution(folder / "other")
    tick()
    edge = distribution(folder / "own", other)
    mirrored(folder, edge, other)
    names = {"own": edge.public, "other": other.public, "mirror": folder / "mirror"}
    out.write("published.tar.gz", packed(names))
    root = Digest.of(Repository(edge.public).read_metadata("1.root.json"))
    publication: dict[str, Any] = {"root": root, "at": datetime.now(UTC).isoformat(), "other-root": _root_of(other)}
    kinds = [kind for place in (edge.public, other.public) for kind, _ in published_documents(place)]
    publication["documents"] = dict(Counter(kinds))
    out.write("published.json", json.dumps(publication, indent=1) + "\n")
    out.write("signer.tar.gz", packed({"ledger": folder / "own" / "ledger"}))
    out.write("record.sql", record_text(folder / "own" / "record" / "published.sqlite"))
    seen = views(kept.unpacked("published.tar.gz", folder / "again"), publication, folder / "reading")
    out.write("published-views.json", json.dumps(seen, indent=1) + "\n")


def other_distribution(folder: Path) -> SmallDistribution:
    """A distribution without a signed policy: with code that was linked in, sources, a rebuild, and a second build."""
    other = SmallDistribution(folder, domain=FIRST, builders=[AGAIN])
    other.package("code", {"lib/lib.a": "code\n"})
    other.package(
        "say",
        {"bin/say": "\x7fnot elf", "etc/profile.d/say.sh": "say hello\n"},
        sensitive={"etc/profile.d/say.sh": "it greets who logs in"},
    )
    other.package(
        "say",
        {"bin/say": "\x7fnot elf either", "etc/profile.d/say.sh": "say\n"},
        sensitive={"etc/profile.d/say.sh": "it greets"},
    )
    origin = SourceOrigin(Digest.of(TARBALL), "https://mirror.example/openssl-3.0.tar.gz")
    other.package(
        "openssl",
        {"bin/openssl": "#!/usr/bin/say\n", "share/openssl/version": "3.0\n"},
        version="3.0",
        linked=("code",),
        made_of={"openssl-3.0.tar.gz": TARBALL, "fix.patch": PATCH},
        text=THEIR_RECIPE,
        origins=[origin],
    )
    other.keep(TARBALL)
    entry, member = other.entries["openssl"]
    other.entries["openssl"] = replace(entry, rebuilds=(other.rebuilt("openssl", AGAIN),)), member
    other.publish()
    vex = openvex(product=f"{FIRST}/openssl").replace(b"dist.example.org", FIRST.encode())
    (statement,) = read_openvex(vex, FIRST)
    announce(other, theirs("openssl", fixed="3.1-1"), statements=document_of((statement,), FIRST))
    review(other, "openssl", "say")
    return other


def distribution(folder: Path, other: SmallDistribution) -> Channel:
    """Our own distribution: everything that a signer with a policy publishes."""
    there = f"{{address: '{ADDRESS}', channel: edge, root: '{_root_of(other)}'}}"
    public = ALICE.public_key.keyval["public"]
    policies = {
        "OWNERS": b"* @curators\n",
        "curators.yaml": f"curators:\n  alice: '{public}'\n".encode(),
        "channels/stable.yaml": b"from: edge\ngates: [proof, approvals: {of: curators, count: 1}]\n",
        "distributions.yaml": f"{FIRST}: {there}\n".encode(),
    }
    edge = opened_channel(folder, EDGE, name="stable", testers=[TESTER], policies=policies).named("edge")
    first = _releases(edge, other)
    _words(edge)
    _stable(edge, first)
    _new_root(edge)
    return edge


def _releases(edge: Channel, other: SmallDistribution) -> dict[str, Package]:
    """Five releases of edge: more, an import, a new version while a package goes, an earlier one again, and a newer."""
    zlib = _built(edge, "zlib")
    jq, doc = _jq(edge)
    _sign(edge, zlib, jq, doc)
    tick()
    web = edge.builder.build(_recipe(edge, "web", f"requires: [{FIRST}/openssl]\n", tested=""))
    _sign(edge, web, imports=(_taken(edge, other),), proofs=(_shown(edge, other),))
    tick()
    imports = (_taken(edge, other),)
    good = edge.newest()
    newer = _built(edge, "jq", "requires: [zlib]\n", ("zlib",), version="2.0")
    _sign(edge, newer, remove=["jq-doc"], imports=imports)
    tick()
    order = edge.order(Act.ROLLBACK, target=good.digest, reason="2.0 was too new")
    _sign(edge, jq, doc, imports=imports, orders=[order])
    tick()
    return {"zlib": zlib, "jq": jq, "jq-doc": doc}


def _jq(edge: Channel) -> tuple[Package, Package]:
    """Two packages of one build."""
    recipe = _recipe(edge, "jq", "requires: [zlib]\noutputs: {doc: [share/doc/**]}\n", ("zlib",))
    plan = edge.builder.pin(recipe)
    files = {"": {"bin/jq": b"#!/usr/bin/jq\n"}, "doc": {"share/doc/jq": b"how to use jq"}}
    return edge.builder.put_out(recipe, plan, files), edge.builder.built["jq-doc"]


def _built(edge: Channel, name: str, more: str = "", needs: tuple[str, ...] = (), version: str = "1.0") -> Package:
    return edge.builder.build(_recipe(edge, name, more, needs, version))


def _recipe(
    edge: Channel, name: str, more: str, needs: tuple[str, ...] = (), version: str = "1.0", tested: str = TESTED
) -> Recipe:
    recipe = edge.builder.recipe(name, tested + more, needs, version=version)
    edge.builder.sign("alice", ALICE, recipe)
    return recipe


def _sign(channel: Channel, *packages: Package, **more: Any) -> None:
    builder = channel.builder
    mains = [
        package for package in packages if package.recipe.tests and package.descriptor.name.short == package.recipe.name
    ]
    tests = [builder.test(package.recipe.name, _with(package), TESTER) for package in mains]
    channel.sign(*packages, tests=tests, submissions=tuple(builder.submissions), **more)


def _with(package: Package) -> list[str]:
    return sorted({package.recipe.name, *(need for need in package.recipe.requires if "/" not in need)})


def _stable(edge: Channel, packages: dict[str, Package]) -> None:
    stable = edge.named("stable")
    details = {"channel": "stable", "curator": "alice", "at": edge.now, "distribution": "dist.example.org"}
    approvals = [
        sign_statement(approval_statement(package.descriptor, **details), ALICE)  # type: ignore[arg-type]
        for package in packages.values()
    ]
    _sign(stable, *packages.values(), approvals=approvals)
    tick()


def _words(edge: Channel) -> None:
    """The known vulnerabilities."""
    document = canonical_json(json.loads(osv(package="jq", fixed="1.0-2")))
    (statement,) = read_openvex(openvex(timestamp="2024-11-21T10:00:00Z"), "dist.example.org")
    looked = Review("jq", "https://tracker.example.net/", edge.now)
    edge.advise(
        advisory_claim(json.loads(document)), statement_claim(statement, "dist.example.org"), review_claim(looked)
    )
    keep = edge.builder.keep
    listed = ListedAdvisory(read_osv(document, "dist.example.org").id, keep(document), ("jq",))
    index = AdvisoryIndex("dist.example.org", (listed,), keep(document_of((statement,), "dist.example.org")))
    signers, checks = read_signers(edge.keys / "online"), ChecksHere(edge.repository, ledger=edge.ledger)
    publish_advisories(edge.repository, signers, checks, index.to_json())
    publish_reviews(edge.repository, signers, checks, ReviewList("dist.example.org", (looked,)).to_json())
    tick()


def _new_root(edge: Channel) -> None:
    """Replace the key of root."""
    repository, old = Repository(edge.public), load_key(edge.keys / "offline" / "root")
    new = create_key(edge.keys / "offline" / "root-2")
    edit = RoleEdit("root", add=(new.public_key,), remove=(old.public_key.keyid,))
    draft = draft_root(repository, edit, edge.now).signed_by(old).signed_by(new)
    publish_draft(repository, draft, read_signers(edge.keys / "online"), edge.now)


def _taken(edge: Channel, other: SmallDistribution) -> Import:
    """The newest release of the other distribution with its openssl, whose blobs the checker reads from our store."""
    assert other.released
    found = []
    for name, needs in (("openssl", ("say",)), ("say", ())):
        entry, _ = other.entries[name]
        for blob in (entry.descriptor, entry.facts, entry.manifest):
            edge.builder.keep(other.read(blob))
        found.append(ImportedPackage(name, entry.descriptor.digest, tuple(f"{FIRST}/{need}" for need in needs)))
    released = other.released
    return Import(
        distribution=FIRST,
        channel="edge",
        number=released.number,
        release=released.digest,
        root=_root_of(other),
        address=ADDRESS,
        packages=tuple(found),
    )


def _shown(edge: Channel, other: SmallDistribution) -> ReleaseProof:
    assert other.released
    metadata = other.public / "metadata"

    def keep(role: str) -> Digest:
        newest = max(metadata.glob(f"*.{role}.json"), key=lambda path: int(path.name.partition(".")[0]))
        return edge.builder.keep(newest.read_bytes()).digest

    for path in (other.public / "blobs").rglob("*"):
        if path.is_file():
            edge.builder.keep(path.read_bytes())
    timestamp = edge.builder.keep((metadata / "timestamp.json").read_bytes()).digest
    return ReleaseProof(
        (keep("root"),), timestamp, keep("snapshot"), keep("targets"), keep("edge"), (other.released.digest,)
    )


def _root_of(other: SmallDistribution) -> Digest:
    return Digest.of(Repository(other.public).read_metadata("1.root.json"))


def mirrored(folder: Path, edge: Channel, other: SmallDistribution) -> None:
    """Let a host mirror both of our channels, and what they import from the other distribution."""
    host = Host(folder / "state", folder / "shared")
    # The other distribution's owner is not reachable: its packages are where a mirror would have them.
    imports = edge.public / "imports" / FIRST
    imports.parent.mkdir()
    imports.symlink_to(other.public)
    root = Digest.of(Repository(edge.public).read_metadata("1.root.json"))
    for name in ("edge", "stable"):
        host.subscriptions.subscribe(str(edge.public), name, root)
    mirror(host, folder / "mirror", MirrorSelection(channels=("edge", "stable"), keep=3, sources=True))
    imports.unlink()
    imports.parent.rmdir()
