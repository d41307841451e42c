"""Packages built by signed plans of real recipes, as an honest farm presents them to its signer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from securesystemslib.signer import CryptoSigner
from zstandard import ZstdCompressor

from farm.checker.builds.builds import BuildContext, check_builds
from farm.checker.builds.ownership import SignedOwnership
from farm.checker.builds.plans import Plans
from farm.core.fileset.manifest import File, Manifest
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.printed_version import FIRST_BUILD
from farm.core.package.gather import gather_facts
from farm.core.package.layout import package_name
from farm.core.plan.abi import AbiOrder, AbiOutcome, AbiSide
from farm.core.plan.job import BlobRef, DependencyArchive, TestOrder, TestOutcome
from farm.core.plan.outputs import describe_output
from farm.core.plan.pin import pin
from farm.core.plan.plan import PlannedDependency
from farm.core.plan.sbom import package_sbom, source_addresses
from farm.core.recipe.contents import RecipeContents
from farm.core.recipe.load import load_recipe
from farm.core.recipe.steps import StepLibrary
from farm.core.recipe.toolchain import LockedDeb, ToolchainLock
from farm.core.sets.members.member import Member
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import build_closure, from_toolchain
from farm.core.sets.proof.interfaces import COMPARISON_LIMITS
from farm.signing.evidence import BuiltAgainst, ReleaseEvidence, SignedTest
from farm.store.blobs import BlobStore
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from farm.trust.attestation.submission_statement import SignedSubmission, submission_statement
from farm.trust.attestation.tester_results import TesterRun, abi_statement, result_statement
from farm.trust.index.release_index import ReleaseEntry
from farm.trust.metadata.builders import AllowedBuilders
from farm.trust.metadata.signed_policy import SignedPolicy, SignedToolchain, policy_of_files, steps_texts
from tests.farms.small import archive_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from farm.core.package.descriptor import Descriptor
    from farm.core.package.facts import PackageFacts
    from farm.core.plan.abi import AbiVerdict
    from farm.core.plan.plan import Plan
    from farm.core.recipe.recipe import Recipe

DISTRIBUTION = "dist.example.org"
STEPS = {
    "steps/install.yaml": b"name: install\nsummary: Install it\nrun:\n  - {name: install, shell: make install}\n",
    "steps/prepare.yaml": b"name: prepare\nsummary: Go there\nautomatic: first\nrun: [{name: go, shell: cd /build}]\n",
}
LATER_STEPS = STEPS | {"steps/prepare.yaml": STEPS["steps/prepare.yaml"].replace(b"/build", b"/tmp")}
LOCK = ToolchainLock("c", (LockedDeb("libc6", "2.41-1", "amd64", Digest.of(b"libc6.deb"), 9, "pool/libc6.deb"),))
TREE, ABI_TREE = Digest.of(b"toolchain"), Digest.of(b"tools that compare")
EDGE = b"gates: [proof]\n"


@dataclass(frozen=True)
class Package:
    """A package and all that is known of its build."""

    descriptor: Descriptor
    plan: Plan
    built: BuiltAgainst
    facts: PackageFacts
    manifest: Manifest
    archive: BlobRef
    recipe: Recipe
    tests: Digest | None = None
    needs: tuple[str, ...] = ()
    rebuilds: tuple[BlobRef, ...] = ()
    sbom: BlobRef | None = None

    @property
    def member(self) -> Member:
        return Member.of(self.descriptor, self.facts, self.manifest)

    @property
    def as_dependency(self) -> DependencyArchive:
        own = self.descriptor
        return DependencyArchive(own.tree, own.store_path, self.archive, self.built.manifest, own.digest)

    @property
    def entry(self) -> ReleaseEntry:
        return ReleaseEntry(
            name=self.descriptor.name.short,
            version=str(self.descriptor.version),
            revision=self.descriptor.revision,
            summary=self.recipe.summary,
            descriptor=self.built.descriptor,
            archive=self.archive,
            manifest=self.built.manifest,
            facts=self.built.facts,
            provenance=self.built.provenance,
            recipe=self.built.recipe,
            needs=self.needs,
            tests=self.tests,
            rebuilds=self.rebuilds,
            sbom=self.sbom,
        )


class _Nothing:
    """The memory of a signer that has signed nothing yet."""

    def channels_of(self, _descriptor: Digest) -> frozenset[str]:
        return frozenset()


@dataclass
class Builder:
    """A farm, its worker and its public store in one. What it builds is honest, except where a test asks for a lie."""

    blobs: BlobStore
    worker: CryptoSigner = field(default_factory=CryptoSigner.generate_ed25519)
    built: dict[str, Package] = field(default_factory=dict)
    submissions: list[Digest] = field(default_factory=list)
    owners: Mapping[str, bytes] = field(default_factory=dict)
    """The signed files `OWNERS` and `curators.yaml`."""
    released: Collection[tuple[str, Digest]] = ()
    """The recipes of the packages in earlier releases."""
    withdrawn: Mapping[Digest, str] = field(default_factory=dict)
    policies: Mapping[str, bytes] = field(default_factory=lambda: {"channels/edge.yaml": EDGE})
    ever: list[Package] = field(default_factory=list)
    """Everything that was built, in order; `built` has the newest of each name."""

    @classmethod
    def at(cls, folder: Path) -> Builder:
        builder = cls(BlobStore(folder))
        builder.blobs.put_bytes(LOCK.to_text())
        for steps in (STEPS, LATER_STEPS):
            builder.blobs.put_bytes(canonical_json(steps_texts(steps)))
        return builder

    def policy(self, steps: Mapping[str, bytes] = STEPS, earlier: SignedPolicy | None = None) -> SignedPolicy:
        files = {**self.policies, **steps, **self.owners}
        toolchains = [SignedToolchain("c", TREE, LOCK.digest), SignedToolchain("abi", ABI_TREE, LOCK.digest)]
        return policy_of_files(files, toolchains, earlier)

    def recipe(
        self,
        name: str,
        more: str = "",
        needs: tuple[str, ...] = (),
        *,
        steps: Mapping[str, bytes] = STEPS,
        license: str = "MIT",
        version: str = "1.0",
    ) -> Recipe:
        """Store a recipe, and read it."""
        text = (
            f'name: {name}\nversion: "{version}"\nsummary: The {name} package\nlicense: {license}\ntoolchain: c\n'
            f"build-needs: [{', '.join(needs)}]\nsteps: [install]\n{more}"
        ).encode()
        recipe = load_recipe(text, file="recipe.yaml", steps=StepLibrary.from_files(steps), patches={})
        contents = RecipeContents(self.blobs.put_bytes(text), {})
        assert self.blobs.put_bytes(contents.to_json()) == recipe.digest
        return recipe

    def sign(self, person: str, key: CryptoSigner, *recipes: Recipe, **changes: Any) -> None:
        """Let a person submit recipes, with `changes` to the submission."""
        said = SignedSubmission(
            DISTRIBUTION, person, {recipe.name: recipe.digest for recipe in recipes}, datetime.now(UTC)
        )
        self.submissions.append(
            self.blobs.put_bytes(sign_statement(submission_statement(replace(said, **changes)), key))
        )

    def pin(self, recipe: Recipe) -> Plan:
        members = [package.member for package in self.built.values()]
        closure = build_closure(PackageSet.of(members), recipe.build_needs, given=from_toolchain(members))
        dependencies = [self.dependency(package.name, direct=package.name in recipe.build_needs) for package in closure]
        return pin(
            recipe,
            distribution=DISTRIBUTION,
            platform=Platform.parse("linux/amd64"),
            toolchain=TREE,
            toolchain_debs={deb.name: deb.digest for deb in LOCK.debs},
            dependencies=dependencies,
        )

    def dependency(self, name: str, *, direct: bool) -> PlannedDependency:
        found = self.built[name].descriptor
        return PlannedDependency(found.name, found.version, found.tree, direct)

    def build(self, recipe: Recipe, plan: Plan | None = None, **lies: Any) -> Package:
        """Carry out a plan; `lies` are what its worker changes in the descriptor."""
        plan = plan or self.pin(recipe)
        return self.put_out(recipe, plan, {"": {f"share/{recipe.name}/x": canonical_json(plan.to_dict())}}, **lies)

    def put_out(
        self,
        recipe: Recipe,
        plan: Plan,
        outputs: Mapping[str, Mapping[str, bytes]],
        needs: tuple[str, ...] = (),
        facts: PackageFacts | None = None,
        **lies: Any,
    ) -> Package:
        """Let a build produce these outputs, each with these files; return the main package, which `needs` others.

        `facts` are reported in place of what is found in the files.
        """
        made = {output: self._pack(plan, output, files, facts, lies) for output, files in outputs.items()}
        run = BuildRun(self.worker.public_key.keyid, "1", "", "", Digest.of(b"log"), {})
        subjects = [(descriptor, archive.digest) for descriptor, _, _, archive in made.values()]
        provenance = self.keep(sign_statement(build_statement(plan, recipe.digest, subjects, (), run), self.worker))
        for output, (descriptor, said, manifest, archive) in made.items():
            built = BuiltAgainst(
                descriptor=self.keep(descriptor.to_json()),
                facts=self.keep(said.to_json()),
                manifest=self.keep(manifest.to_json()),
                provenance=provenance,
                recipe=recipe.digest,
            )
            wanted = () if output else tuple(sorted({*recipe.requires, *needs}))
            package = Package(descriptor, plan, built, said, manifest, archive, recipe, None, wanted)
            package = replace(package, sbom=self._sbom(package))
            self.built[descriptor.name.short] = package
            self.ever.append(package)
        return self.built[recipe.name]

    def rebuilt(self, package: Package, *workers: CryptoSigner) -> Package:
        """Let other workers build the same package, with all outputs of its build."""
        beside = [output for output in self.ever if output.built.provenance == package.built.provenance]
        signed = [self.said(worker, *beside) for worker in workers]
        return replace(package, rebuilds=tuple(sorted(signed, key=lambda blob: blob.digest)))

    def said(self, worker: CryptoSigner, *packages: Package, build: int = FIRST_BUILD) -> BlobRef:
        """Let a worker attest that its build produced these packages and nothing else."""
        run = BuildRun(worker.public_key.keyid, "1", "", "", Digest.of(b"log"), {}, build=build)
        subjects = [(package.descriptor, package.archive.digest) for package in packages]
        statement = build_statement(packages[0].plan, packages[0].recipe.digest, subjects, (), run)
        return self.keep(sign_statement(statement, worker))

    def numbered(self, package: Package, number: int) -> Package:
        """Return a package with this build number."""
        provenance = self.said(self.worker, package, build=number)
        again = replace(package, built=replace(package.built, provenance=provenance))
        return replace(again, sbom=self._sbom(again, number))

    def _sbom(self, package: Package, build: int = FIRST_BUILD) -> BlobRef:
        bill = package_sbom(
            package.descriptor,
            package.plan,
            archive=package.archive.digest,
            manifest=package.manifest,
            addresses=source_addresses(package.plan, package.recipe, LOCK),
            lock=LOCK.digest,
            build=build,
        )
        return self.keep(bill)

    def _pack(
        self,
        plan: Plan,
        output: str,
        files: Mapping[str, bytes],
        facts: PackageFacts | None,
        lies: Mapping[str, Any],
    ) -> tuple[Descriptor, PackageFacts, Manifest, BlobRef]:
        manifest = Manifest.of([File(path, len(content), Digest.of(content)) for path, content in files.items()])
        archive = archive_of(manifest, package_name(plan.name.short, output), str(plan.version), files)
        facts = facts or gather_facts(manifest, lambda path: memoryview(files[path]))
        descriptor = replace(describe_output(plan, output, manifest, facts, Digest.of(archive)), **lies)
        return descriptor, facts, manifest, self.keep(ZstdCompressor().compress(archive))

    def check(self, *new: Package, policy: SignedPolicy | None = None, without: tuple[str, ...] = ()) -> list[str]:
        """Let the signer check new packages, with evidence for all other builds except what is `without`."""
        dependencies = [package.built for name, package in self.built.items() if name not in without]
        plans = Plans(DISTRIBUTION, policy or self.policy(), self.blobs)
        builders = AllowedBuilders([self.worker.public_key], {})
        ownership = SignedOwnership(
            DISTRIBUTION,
            policy or self.policy(),
            self.submissions,
            self.blobs,
            released=lambda name, recipe: (name, recipe) in self.released,
            withdrawn=self.withdrawn,
        )
        grounds = BuildContext(self.blobs, builders, plans, ownership, _Nothing())
        found = check_builds(
            [package.entry for package in new], ReleaseEvidence(dependencies=tuple(dependencies)), grounds, "edge"
        )
        return sorted(descriptor.name.short for descriptor in found.checked.values())

    def test(
        self, name: str, present: Iterable[str], tester: CryptoSigner, *, passed: bool = True, **otherwise: Any
    ) -> SignedTest:
        """Let a tester sign how a package's test ended among those `present`; `otherwise` are lies about the order."""
        package = self.built[name]
        (test,) = package.recipe.tests
        closure = tuple(
            DependencyArchive(
                present_build.descriptor.tree,
                present_build.descriptor.store_path,
                present_build.archive,
                present_build.built.manifest,
                present_build.descriptor.digest,
            )
            for present_build in (self.built[one] for one in sorted(present))
        )
        order = replace(TestOrder(test, package.descriptor.digest, closure, package.recipe.limits), **otherwise)
        outcome = TestOutcome(passed, 0 if passed else 1, "" if passed else "it failed", Digest.of(b"log"))
        run = TesterRun(tester.public_key.keyid, "1", "", "", {})
        signed = self.blobs.put_bytes(sign_statement(result_statement(order, outcome, run), tester))
        return SignedTest(self.blobs.put_bytes(canonical_json(order.to_dict())), (signed,))

    def compare(
        self, before: Package, after: Package, tester: CryptoSigner, verdict: AbiVerdict, /, **otherwise: Any
    ) -> SignedTest:
        """Let a tester sign the comparison of two libraries; `otherwise` are lies about the order."""
        order = AbiOrder(self.side(before), self.side(after), ABI_TREE, COMPARISON_LIMITS)
        order = replace(order, **otherwise)
        run = TesterRun(tester.public_key.keyid, "1", "", "", {})
        statement = abi_statement(order, AbiOutcome(verdict, 0, Digest.of(b"log")), run)
        signed = self.blobs.put_bytes(sign_statement(statement, tester))
        return SignedTest(self.blobs.put_bytes(canonical_json(order.to_dict())), (signed,))

    def side(self, package: Package) -> AbiSide:
        """The library of a package with the debug data of its build."""
        debug = next(output for output in self.ever if output.plan == package.plan and output.facts.debug)
        return AbiSide(package.facts.elf[0].path, package.as_dependency, debug.as_dependency)

    def named(self, name: str) -> PackageName:
        return PackageName(DISTRIBUTION, name)

    def keep(self, content: bytes) -> BlobRef:
        return BlobRef(self.blobs.put_bytes(content), len(content))
