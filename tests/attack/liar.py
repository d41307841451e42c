"""Control replaced by a program that lies: it composes releases and evidence from everything that control can reach."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
from zstandard import ZstdCompressor

from farm.core.fileset.manifest import File, Manifest
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.plan.job import BlobRef, DependencyArchive, TestOrder, TestOutcome
from farm.core.plan.outputs import describe_output
from farm.core.plan.plan import Plan
from farm.core.recipe.contents import RecipeContents
from farm.server.packages import packages
from farm.server.pipeline.publishing.sources import recipe_blobs
from farm.server.pipeline.repository.next_release import make_release
from farm.server.recipes import recipes
from farm.signing.evidence import BuiltAgainst, ReleaseEvidence, SignedTest
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from farm.trust.attestation.tester_results import order_named_in, result_statement
from farm.trust.index.release_index import Release, ReleaseEntry
from farm.trust.index.tree import IndexTree
from farm.trust.layout import BLOBS
from farm.trust.metadata.repository import Repository
from tests.attack.farm import FAILS, key_of
from tests.farms.small import archive_of
from tests.server.signed_results import run_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from securesystemslib.signer import CryptoSigner

    from farm.core.recipe.recipe import Recipe
    from farm.server.tables.records import Package
    from tests.attack.farm import AttackedFarm

MALLORY = key_of("mallory")
TESTER = key_of("tester")
DISTRIBUTION = "dist.example.org"
NEEDS = {"app": ("lib",), "needy": ("viral",)}
"""The packages that each package requires."""
UNTESTED = (
    *((name, "1.0") for name in ("next", "viral", "hungry", "clash", "needy")),
    *((name, "2.0") for name in ("kept", "pair")),
)
"""Packages that no candidate has had tested; their tests pass."""


@dataclass
class Liar:
    """Holds what control's user can access: the database, the stores, the public blobs, the signer's sockets."""

    farm: AttackedFarm
    untested: tuple[tuple[str, str], ...] = UNTESTED

    def __post_init__(self) -> None:
        self.bring()

    def bring(self) -> None:
        """Publish everything that the farm has, so that the signer misses nothing."""
        with self.farm.application.reading() as unit:
            for row in self.rows("SELECT digest FROM recipe_revision"):
                recipe_blobs(unit, Digest(row["digest"]))  # stores the blob that names the others
        for path in sorted((self.farm.folder / "blobs/sha256").glob("*/*")):
            self.farm.blobs.put_bytes(path.read_bytes())

    def package(self, name: str, version: str = "1.0") -> Package:
        (row,) = self.rows("SELECT digest FROM package WHERE name = ? AND version = ?", name, version)[:1]
        with self.farm.application.reading() as unit:
            return packages.by_digest(unit.session, [Digest(row["digest"])])[Digest(row["digest"])]

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self.farm.folder / "farm.db")) as database:
            database.row_factory = sqlite3.Row
            return database.execute(query, values).fetchall()

    def entry(self, name: str, of: str = "1.0", /, **lies: Any) -> ReleaseEntry:
        """The entry of a package as an honest farm would write it, except for `lies`."""
        found = self.package(name, of)
        entry = ReleaseEntry(
            name=found.name,
            version=found.version,
            revision=found.revision,
            summary=found.summary,
            descriptor=found.descriptor,
            archive=found.archive,
            manifest=found.manifest,
            facts=found.facts,
            provenance=found.provenance,
            recipe=found.recipe,
            needs=NEEDS.get(name, ()),
            sbom=found.sbom,
        )
        return replace(entry, **lies)

    def released(self, channel: str, name: str) -> ReleaseEntry:
        """The entry in the newest release of a channel."""
        newest = self.farm.release(channel)
        assert newest is not None
        entry = IndexTree(self.read, newest.index).entry(name)
        assert entry is not None
        return entry

    def read(self, blob: BlobRef) -> bytes:
        return self.farm.blobs.read(blob.digest)

    def keep(self, content: bytes) -> BlobRef:
        return BlobRef(self.farm.blobs.put_bytes(content), len(content))

    def evidence(self, **lies: Any) -> ReleaseEvidence:
        """All evidence that exists, except for `lies`."""
        built = tuple(
            BuiltAgainst(package.descriptor, package.facts, package.manifest, package.provenance, package.recipe)
            for package in (
                self.package(row["name"], row["version"])
                for row in self.rows("SELECT name, version FROM package ORDER BY digest")
            )
        )
        submissions = tuple(
            Digest(row["envelope"]) for row in self.rows("SELECT DISTINCT envelope FROM recipe_signature")
        )
        approvals = tuple(self.keep(row["envelope"].encode()).digest for row in self.rows("SELECT * FROM approval"))
        return replace(ReleaseEvidence(built, submissions, approvals, self.tests()), **lies)

    def tests(self) -> tuple[SignedTest, ...]:
        """All results that testers have signed, and an honest tester's results for packages not yet released."""
        return (*self._kept_tests(), *(self.tested(*need) for need in self.untested))

    def tested(self, name: str, version: str = "1.0", key: CryptoSigner = TESTER, **otherwise: Any) -> SignedTest:
        """An honest tester's report of a leased test of a package; or another tester's report, for another order."""
        recipe = self._recipe_of(name, version)
        (test,) = recipe.tests
        closure = tuple(self.there(self.newest(need)) for need in sorted({name, *NEEDS.get(name, ())}))
        order = replace(TestOrder(test, self.package(name, version).digest, closure, recipe.limits))
        passed = otherwise.pop("passed", test.command[0] != FAILS)
        order = replace(order, **otherwise)
        outcome = TestOutcome(passed, 0 if passed else 1, "" if passed else "it failed", Digest.of(b"log"))
        envelope = sign_statement(result_statement(order, outcome, run_by(key)), key)
        return SignedTest(self.keep(canonical_json(order.to_dict())).digest, (self.keep(envelope).digest,))

    def _recipe_of(self, name: str, version: str) -> Recipe:
        with self.farm.application.reading() as unit:
            revision = recipes.find_revision(unit.session, self.package(name, version).recipe)
            assert revision is not None
            return unit.recipes.recipe(revision)

    def there(self, found: Package) -> DependencyArchive:
        """A package as the order of a test names it."""
        descriptor = Descriptor.from_json(self.read(found.descriptor))
        return DependencyArchive(found.tree, descriptor.store_path, found.archive, found.manifest, found.digest)

    def newest(self, name: str) -> Package:
        (row,) = self.rows("SELECT version FROM package WHERE name = ? ORDER BY version DESC LIMIT 1", name)
        return self.package(name, row["version"])

    def _kept_tests(self) -> tuple[SignedTest, ...]:
        texts = {Digest(row["digest"]): row["body"].encode() for row in self.rows("SELECT * FROM test")}
        found: defaultdict[Digest, list[Digest]] = defaultdict(list)
        for row in self.rows("SELECT attestation FROM attempt WHERE attestation != ''"):
            order = order_named_in(self.farm.blobs.read(Digest(row["attestation"])))
            if order in texts:
                found[order].append(Digest(row["attestation"]))
                self.keep(texts[order])
        return tuple(SignedTest(order, tuple(results)) for order, results in sorted(found.items()))

    def compose(self, channel: str, /, *put: ReleaseEntry, remove: Iterable[str] = (), **lies: Any) -> Release:
        """The next release of a channel with these packages, completely in the public store, except for `lies`."""
        release, index = make_release(
            self.farm.release(channel),
            put,
            remove,
            distribution=DISTRIBUTION,
            channel=channel,
            now=datetime.now(UTC),
            read=self.read,
        )
        release = replace(release, **lies)
        for blob in (*index, release.to_json()):
            self.keep(blob)
        return release

    def ask(self, release: Release | bytes, evidence: ReleaseEvidence | bytes | str | None = None) -> httpx.Response:
        """Ask the signer for a release."""
        if evidence is None:
            evidence = self.evidence()
        if isinstance(evidence, ReleaseEvidence):
            evidence = evidence.to_json()
        named = evidence if isinstance(evidence, str) else self.keep(evidence).digest
        return self.post("/releases", release if isinstance(release, bytes) else release.to_json(), evidence=named)

    def post(self, path: str, content: bytes, **query: str) -> httpx.Response:
        """Send a message to the signer, on the socket for its kind."""
        socket = self.farm.images_socket if path == "/images" else self.farm.socket
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://signer", timeout=60) as http:
            return http.post(path, content=content, params=query)

    def built(
        self,
        like: str,
        key: CryptoSigner,
        *,
        version: str = "1.0",
        text: str = "evil",
        plan: Plan | None = None,
        **lies: Any,
    ) -> ReleaseEntry:
        """The entry of a package made from another package's plan with other content, and attested by its maker."""
        honest = self.package(like, version)
        plan = plan or self.plan(like, version)
        path = f"share/{like}/x"
        manifest = Manifest.of([File(path, len(text), Digest.of(text.encode()))])
        archive = archive_of(manifest, plan.name.short, str(plan.version), {path: text.encode()})
        facts = PackageFacts()
        descriptor = replace(describe_output(plan, "", manifest, facts, Digest.of(archive)), **lies)
        compressed = self.keep(ZstdCompressor().compress(archive))
        run = BuildRun(key.public_key.keyid, "1", "", "", Digest.of(b"log"), {})
        statement = build_statement(plan, honest.recipe, [(descriptor, compressed.digest)], (), run)
        return replace(
            self.entry(like, version),
            descriptor=self.keep(descriptor.to_json()),
            archive=compressed,
            manifest=self.keep(manifest.to_json()),
            facts=self.keep(facts.to_json()),
            provenance=self.keep(sign_statement(statement, key)),
            version=str(plan.version),
            revision=plan.revision,
        )

    def vouch(self, name: str, key: CryptoSigner, *, recipe: Digest | None = None) -> BlobRef:
        """A provenance of an unchanged package by a builder that was ordered to build it from a recipe."""
        found = self.package(name)
        descriptor = Descriptor.from_json(self.read(found.descriptor))
        run = BuildRun(key.public_key.keyid, "1", "", "", Digest.of(b"log"), {})
        packages = [(descriptor, found.archive.digest)]
        statement = build_statement(self.plan(name), recipe or found.recipe, packages, (), run)
        return self.keep(sign_statement(statement, key))

    def descriptor(self, name: str, version: str = "1.0") -> Descriptor:
        return Descriptor.from_json(self.read(self.package(name, version).descriptor))

    def plan(self, name: str, version: str = "1.0") -> Plan:
        (row,) = self.rows("SELECT body FROM plan WHERE digest = ?", self.package(name, version).plan)
        return Plan.from_dict(json.loads(row["body"]))

    def recipe(self, files: Mapping[str, bytes]) -> Digest:
        """Put a recipe into the public store; return its digest."""
        for content in files.values():
            self.keep(content)
        beside = {name: Digest.of(content) for name, content in files.items() if name != "recipe.yaml"}
        return self.keep(RecipeContents(Digest.of(files["recipe.yaml"]), beside).to_json()).digest

    def path_of(self, digest: Digest) -> Path:
        """The path of a public blob, which control's user may replace."""
        return self.farm.public / BLOBS / "sha256" / digest.hex[:2] / digest.hex[2:]

    @property
    def repository(self) -> Repository:
        return Repository(self.farm.public)
