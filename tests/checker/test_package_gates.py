"""The checker evaluates each package gate of the signed policy, from signed documents and from archives."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.checker.gates import gates
from farm.checker.reading.published_identities import PublishedRecord
from farm.checker.reading.refusal import RefusedReleaseError
from farm.core.advisories.openvex import read_published
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.package.facts import PackageFacts
from farm.core.plan.job import BlobRef
from farm.core.policy.gate_kind import GateKind
from farm.signing.sign import publish_advisories
from farm.store.errors import MissingBlobError
from farm.trust.attestation.advisory_statement import Claim, statement_claim
from farm.trust.attestation.approval import approval_statement
from farm.trust.attestation.curator_order import Act
from farm.trust.attestation.dsse import InvalidEnvelopeError, sign_statement
from farm.trust.attestation.provenance import ProvenanceError
from farm.trust.ceremony.ceremony import sign_policy
from farm.trust.index.advisory_index import AdvisoryIndex, ListedAdvisory, document_of
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from tests.checker.built import DISTRIBUTION
from tests.checker.channel import Channel, Clock, opened_channel
from tests.checker.checked_signing import ChecksHere
from tests.checker.libraries import library, needs_compiler
from tests.checker.theirs import THEM, Theirs
from tests.core.advisories.osv_documents import openvex, osv
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from tests.checker.built import Package

ALICE, MALLORY, SECOND, THIRD = (CryptoSigner.generate_ed25519() for _ in range(4))
HARMLESS = document_of(read_published(openvex(product=f"{DISTRIBUTION}/zlib"), DISTRIBUTION), DISTRIBUTION)
CURATORS = b"curators:\n  alice: '%s'\n" % str(ALICE.public_key.keyval["public"]).encode()


def test_every_gate_has_its_place() -> None:
    """A new gate is listed here with the place that evaluates it, or with the reason why none has to."""
    places = [gates.COMING.keys(), gates.OF_SETS, gates.OF_POLICIES, gates.OF_CURATORS, gates.NOT_ASKED.keys()]
    assert sorted(kind for place in places for kind in place) == sorted(GateKind)
    assert gates.GOING.keys() <= gates.COMING.keys()
    assert all(gates.NOT_ASKED.values())


class TestAdvisories:
    @pytest.fixture
    def edge(self, tmp_path: Path) -> Channel:
        return opened_channel(tmp_path, b"gates: [proof, advisories: {block: high}]\n")

    def publish(self, edge: Channel, document: bytes, statements: bytes = b"") -> None:
        def keep(content: bytes) -> BlobRef:
            return BlobRef(edge.builder.blobs.put_bytes(content), len(content))

        listed = ListedAdvisory("EXAMPLE-2026-1", keep(document), ("zlib",))
        index = AdvisoryIndex(DISTRIBUTION, (listed,), keep(statements) if statements else None)
        signers = read_signers(edge.keys / "online")
        stated = read_published(statements, DISTRIBUTION) if statements else ()
        words = (statement_claim(statement, DISTRIBUTION) for statement in stated)
        edge.advise(Claim("EXAMPLE-2026-1", listed.document.digest), *words)
        checks = ChecksHere(edge.repository, ledger=edge.ledger)
        publish_advisories(edge.repository, signers, checks, index.to_json())

    def test_what_the_published_list_speaks_of_does_not_come_in(self, edge: Channel) -> None:
        self.publish(edge, osv(package="zlib", fixed="2.0"))
        edge.sign(edge.builder.build(edge.builder.recipe("png")))
        with refuses("gate-refused", match=r"zlib 1\.0-1 may not enter edge: EXAMPLE-2026-1 \(critical\)"):
            edge.sign(edge.builder.build(edge.builder.recipe("zlib")))

    @pytest.mark.parametrize(
        ("document", "statements"),
        [
            ({"fixed": "1.0"}, b""),
            ({"severity": None, "database_specific": {"severity": "low"}}, b""),
            ({"withdrawn": "2024-11-21T10:00:00Z", "modified": "2024-11-21T10:00:00Z"}, b""),
            ({}, HARMLESS),
        ],
        ids=["fixed", "less bad", "taken back", "stated to do no harm"],
    )
    def test_what_the_pipeline_would_let_in_comes_in(
        self, edge: Channel, document: dict[str, Any], statements: bytes
    ) -> None:
        self.publish(edge, osv(package="zlib", **({"fixed": "2.0"} | document)), statements)
        edge.sign(edge.builder.build(edge.builder.recipe("zlib")))
        assert edge.released == 1

    def test_what_is_released_stays_and_with_its_whole_set_comes_back(self, edge: Channel) -> None:
        zlib, png, jpeg = (edge.builder.build(edge.builder.recipe(name)) for name in ("zlib", "png", "jpeg"))
        edge.sign(png)
        without = edge.newest().digest
        edge.sign(zlib)
        self.publish(edge, osv(package="zlib", fixed="2.0"))
        edge.sign(jpeg)
        before = edge.newest().digest
        edge.sign(remove=["zlib", "jpeg"], orders=[edge.order(Act.ROLLBACK, target=without)])
        edge.order(
            Act.RETRY, packages={package.descriptor.name.short: package.descriptor.digest for package in (zlib, jpeg)}
        )
        with refuses("gate-refused", match="EXAMPLE-2026-1"):
            edge.sign(zlib, edge.builder.build(edge.builder.recipe("gif")))
        with refuses("gate-refused", match="EXAMPLE-2026-1"):
            edge.sign(zlib)
        back = edge.order(Act.ROLLBACK, target=before)
        with refuses("gate-refused", match="EXAMPLE-2026-1"):
            edge.sign(zlib, jpeg, edge.builder.built["gif"], orders=[back])
        edge.sign(zlib, jpeg, orders=[back])  # the pipeline runs no package gates for a rollback either
        assert edge.released == 5


class TestReproduced:
    @pytest.fixture
    def edge(self, tmp_path: Path) -> Channel:
        policy = b"gates: [proof, reproduced: {agree: 3}]\n"
        return opened_channel(tmp_path, policy, builders=[SECOND, THIRD])

    def test_as_many_builders_have_to_agree_as_the_policy_says(self, edge: Channel) -> None:
        builder = edge.builder
        zlib = builder.build(builder.recipe("zlib"))
        with refuses("gate-refused", match="2 of 3 builders agree"):
            edge.sign(builder.rebuilt(zlib, SECOND))
        edge.sign(builder.rebuilt(zlib, SECOND, THIRD))
        assert edge.released == 1

    def test_neither_one_builder_twice_nor_a_stranger_nor_another_package_counts(self, edge: Channel) -> None:
        builder = edge.builder
        zlib, png = (builder.build(builder.recipe(name)) for name in ("zlib", "png"))
        with pytest.raises(RefusedReleaseError, match="two provenances"):
            edge.sign(builder.rebuilt(zlib, SECOND, builder.worker))
        with pytest.raises(InvalidEnvelopeError):
            edge.sign(builder.rebuilt(zlib, SECOND, MALLORY))
        stolen = replace(zlib, rebuilds=builder.rebuilt(png, SECOND, THIRD).rebuilds)
        with pytest.raises(ProvenanceError, match="it is about other packages"):
            edge.sign(stolen)


class TestFromAnotherChannel:
    """What stable takes has passed the gates of edge, though stable's own policy requires less."""

    @pytest.fixture
    def edge(self, tmp_path: Path) -> Channel:
        stable = {"channels/stable.yaml": b"from: edge\ngates: [proof]\n"}
        return opened_channel(tmp_path, b"gates: [proof]\n", name="stable", policies=stable).named("edge")

    def test_nothing_comes_in_that_was_not_released_there(self, edge: Channel) -> None:
        stable = edge.named("stable")
        zlib, png = (edge.builder.build(edge.builder.recipe(name)) for name in ("zlib", "png"))
        with refuses("gate-refused", match="the source channel edge has never released it"):
            stable.sign(zlib)
        edge.sign(zlib)
        edge.sign(png, edge.builder.build(edge.builder.recipe("zlib", more="revision: 2\n")))
        stable.sign(zlib, png)
        assert stable.released == 1

    def test_nothing_comes_in_that_was_rolled_back_there(self, edge: Channel) -> None:
        stable = edge.named("stable")
        zlib, png = (edge.builder.build(edge.builder.recipe(name)) for name in ("zlib", "png"))
        edge.sign(zlib)
        before = edge.newest()
        edge.sign(png)
        edge.sign(remove=["png"], orders=[edge.order(Act.ROLLBACK, target=before.digest)])
        with refuses("gate-refused", match="the source channel edge has removed it by a rollback"):
            stable.sign(zlib, png)
        stable.sign(zlib)
        assert stable.released == 1

    def test_nothing_goes_that_is_there_still(self, edge: Channel) -> None:
        stable = edge.named("stable")
        zlib, png = (edge.builder.build(edge.builder.recipe(name)) for name in ("zlib", "png"))
        edge.sign(png)
        without = edge.newest().digest
        edge.sign(zlib)
        stable.sign(zlib, png)
        with refuses("gate-refused", match=r"zlib 1\.0-1 may not leave stable: the newest release of edge"):
            stable.sign(remove=["zlib"])
        edge.sign(remove=["zlib"], orders=[edge.order(Act.ROLLBACK, target=without)])
        stable.sign(remove=["zlib"])
        assert stable.released == 2


class TestSoak:
    """Stable takes what edge has had for two hours, by the signer's own clock."""

    @pytest.fixture
    def edge(self, tmp_path: Path) -> Channel:
        stable = {"channels/stable.yaml": b"from: edge\ngates: [proof, soak: 2h]\n"}
        return opened_channel(tmp_path, b"gates: [proof]\n", name="stable", policies=stable).named("edge")

    @pytest.fixture
    def clock(self, edge: Channel) -> Clock:
        clock = Clock()
        edge.decision = edge.deciding(clock=clock)
        return clock

    def test_it_comes_in_once_it_has_been_there_long_enough(self, edge: Channel, clock: Clock) -> None:
        zlib = edge.builder.build(edge.builder.recipe("zlib"))
        stable = edge.named("stable")
        edge.sign(zlib)
        clock.later = timedelta(hours=1)
        with refuses("gate-refused", match=r"it has been on edge since .* UTC, and soaks for 2h"):
            stable.sign(zlib)
        clock.later = timedelta(hours=2, minutes=1)
        stable.sign(zlib)
        assert stable.released == 1

    def test_a_release_that_says_that_it_is_old_makes_nothing_older(self, edge: Channel, clock: Clock) -> None:
        """Neither the first release of a channel nor a later one, nor at a restarted signer."""
        zlib, png = (edge.builder.build(edge.builder.recipe(name)) for name in ("zlib", "png"))
        long_ago = edge.now - timedelta(days=1)
        edge.sign(zlib, at=long_ago)
        with refuses("gate-refused", match="it has been on edge since"):
            edge.named("stable").sign(zlib)
        edge.sign(png, at=long_ago)
        again = replace(edge, name="stable", decision=edge.deciding(clock=clock))
        with refuses("gate-refused", match="it has been on edge since"):
            again.sign(png)

    def test_nor_the_very_first_to_one_that_was_started_right_after_it(self, edge: Channel, clock: Clock) -> None:
        """A store that was empty because nothing was published has lost nothing."""
        zlib = edge.builder.build(edge.builder.recipe("zlib"))
        edge.sign(zlib, at=edge.now - timedelta(days=1))
        again = replace(edge, name="stable", decision=edge.deciding(clock=clock))
        with refuses("gate-refused", match="it has been on edge since"):
            again.sign(zlib)

    def test_nor_to_one_that_reads_what_is_published_when_it_starts(self, edge: Channel, clock: Clock) -> None:
        """Somebody who can end the process restarts it like this: what it finds at its start counts from that time."""
        zlib, png = (edge.builder.build(edge.builder.recipe(name)) for name in ("zlib", "png"))
        edge.sign(zlib, at=edge.now - timedelta(days=2))
        clock.later = timedelta(hours=3)
        edge.sign(png, at=edge.now - timedelta(days=1))
        again = replace(edge, name="stable", decision=edge.deciding(clock=clock))
        again.decision.prepare()
        with refuses("gate-refused", match=r"png .* it has been on edge since"):
            again.sign(png)
        again.sign(zlib)
        assert again.released == 1

    def test_who_has_lost_its_memory_goes_by_what_it_has_signed(self, edge: Channel, tmp_path: Path) -> None:
        zlib = edge.builder.build(edge.builder.recipe("zlib"))
        edge.sign(zlib, at=edge.now - timedelta(days=1))
        empty = PublishedRecord(tmp_path / "another record")
        stable = replace(edge, name="stable", decision=edge.deciding(empty))
        stable.sign(zlib)
        assert stable.released == 1

    def test_a_memory_of_before_learns_it_from_what_it_has_signed(self, edge: Channel) -> None:
        zlib = edge.builder.build(edge.builder.recipe("zlib"))
        edge.sign(zlib, at=edge.now - timedelta(days=1))
        edge.record.catch_up(edge.repository)
        with sqlite3.connect(edge.public.parent / "record" / "published.sqlite") as database:
            database.executescript("DROP TABLE stay; PRAGMA user_version = 0;")
        edge.decision = edge.deciding()
        edge.named("stable").sign(zlib)
        assert edge.record.stay("stable", "zlib") is None, "it was read before that was signed"
        stay = edge.record.stay("edge", "zlib")
        assert stay is not None
        assert (stay.descriptor, stay.until) == (zlib.descriptor.digest, None)

    def test_it_soaks_anew_when_edge_was_without_it(self, edge: Channel, clock: Clock) -> None:
        zlib, png = (edge.builder.build(edge.builder.recipe(name)) for name in ("zlib", "png"))
        edge.sign(png)
        without = edge.newest().digest
        edge.sign(zlib)
        before = edge.newest().digest
        clock.later = timedelta(hours=3)
        edge.sign(remove=["zlib"], orders=[edge.order(Act.ROLLBACK, target=without)])
        edge.sign(zlib, orders=[edge.order(Act.ROLLBACK, target=before)])
        stable = edge.named("stable")
        with refuses("gate-refused", match="it has been on edge since"):
            stable.sign(zlib)
        clock.later = timedelta(hours=6)
        stable.sign(zlib)

    def test_another_entry_of_the_same_package_does_not_begin_anew(self, edge: Channel, clock: Clock) -> None:
        zlib = edge.builder.build(edge.builder.recipe("zlib"))
        edge.sign(zlib)
        clock.later = timedelta(hours=2, minutes=1)
        newer = edge.builder.recipe("zlib", more="tests: [{name: works, command: [/usr/bin/works]}]\n")
        edge.sign(replace(zlib, tests=newer.digest))
        edge.named("stable").sign(zlib)

    def test_what_goes_soaks_too(self, edge: Channel, clock: Clock) -> None:
        zlib, png = (edge.builder.build(edge.builder.recipe(name)) for name in ("zlib", "png"))
        stable = edge.named("stable")
        edge.sign(png)
        without = edge.newest().digest
        edge.sign(zlib)
        clock.later = timedelta(hours=3)
        stable.sign(zlib, png)
        with refuses("gate-refused", match=r"zlib 1\.0-1 may not leave stable: the newest release of edge"):
            stable.sign(remove=["zlib"])
        edge.sign(remove=["zlib"], orders=[edge.order(Act.ROLLBACK, target=without)])
        with refuses("gate-refused", match="edge has been without it since"):
            stable.sign(remove=["zlib"])
        clock.later = timedelta(hours=6)
        stable.sign(remove=["zlib"])
        assert stable.released == 2


class TestApprovals:
    @pytest.fixture
    def edge(self, tmp_path: Path) -> Channel:
        edge = opened_channel(tmp_path, b"gates: [proof]\n")
        zlib, png, gif = (edge.builder.build(edge.builder.recipe(name)) for name in ("zlib", "png", "gif"))
        edge.sign(png)
        edge.order(Act.ROLLBACK, target=edge.newest().digest)
        edge.sign(zlib, gif)
        edge.builder.owners = {"curators.yaml": CURATORS}
        edge.builder.policies = {"channels/edge.yaml": b"gates: [proof, approvals: {count: 1}]\n"}
        sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), edge.now)
        return edge

    @pytest.mark.parametrize(
        "wrong", [{"removed": False}, {"channel": "stable"}, {"key": MALLORY}, {"of": "png"}, None]
    )
    def test_nothing_goes_without_the_word_of_a_curator(self, edge: Channel, wrong: dict[str, Any] | None) -> None:
        def approval(
            *, key: CryptoSigner = ALICE, of: str = "zlib", removed: bool = True, channel: str = "edge"
        ) -> bytes:
            descriptor = edge.builder.built[of].descriptor
            said = approval_statement(descriptor, channel=channel, curator="alice", removed=removed)
            return sign_statement(said, key)

        brought = [] if wrong is None else [approval(**wrong)]
        with refuses("gate-refused", match=r"zlib 1\.0-1 may not leave edge: 0 of 1"):
            edge.sign(remove=["zlib"], approvals=brought, orders=[*edge.ledger.state().permits])
        # With other packages in it, it is not the previous set, to which a rollback was ordered.
        edge.sign(remove=["zlib"], approvals=[*brought, approval()], orders=[*edge.ledger.state().permits])
        assert edge.released == 3


class TestPackagesOfOthers:
    """Packages of another distribution: license, host and approvals count as those of our own packages do."""

    @pytest.fixture
    def edge(self, tmp_path: Path) -> Channel:
        return opened_channel(tmp_path, b"gates: [proof]\n")

    @pytest.fixture
    def theirs(self, edge: Channel, tmp_path: Path) -> Theirs:
        return Theirs(tmp_path / "theirs", edge.builder.blobs)

    def allow(self, edge: Channel, policy: bytes, theirs: Theirs) -> None:
        edge.builder.policies = {"channels/edge.yaml": policy, **theirs.signed}
        sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), edge.now)

    def release(self, edge: Channel, theirs: Theirs, **changes: Any) -> dict[str, Any]:
        """Let them release a package; return the import, and the proof that it is theirs."""
        own = edge.builder.build(edge.builder.recipe("pattern"))
        package = theirs.package(own, **changes)
        theirs.publish(package)
        return {"imports": (theirs.taken(package),), "proofs": (theirs.shown(),)}

    def test_they_come_from_where_targets_have_signed(self, edge: Channel, theirs: Theirs) -> None:
        self.allow(edge, b"gates: [proof]\n", theirs)
        good = self.release(edge, theirs)
        (taken,), shown = good["imports"], good["proofs"]
        with pytest.raises(RefusedReleaseError, match=r"imported as evil\.example\.org/lib is described as base"):
            edge.sign(imports=(replace(taken, distribution="evil.example.org"),), proofs=shown)
        own = edge.builder.build(edge.builder.recipe("pattern"))
        evil = replace(own.descriptor, name=PackageName("evil.example.org", "lib"))
        for wrong in (
            replace(theirs.taken(evil), distribution="evil.example.org"),
            replace(taken, channel="edge"),
            replace(taken, root=Digest.of(b"another root")),
        ):
            with refuses("unknown-origin", match="it is not among the signed distributions") as refused:
                edge.sign(imports=(wrong,), proofs=shown)
            assert refused.value.by_package.keys() == set(wrong.names)
        edge.sign(**good)
        edge.builder.policies = {"channels/edge.yaml": b"gates: [proof]\n"}
        sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), edge.now)
        zlib = edge.builder.build(edge.builder.recipe("zlib"))
        edge.sign(zlib, imports=(taken,))  # the channel keeps what it has until that changes
        with refuses("unknown-origin"):
            edge.sign(**self.release(edge, theirs, revision=2))
        assert edge.released == 2

    def test_they_become_no_older_without_an_order_also_when_they_were_gone_meanwhile(
        self, edge: Channel, theirs: Theirs
    ) -> None:
        self.allow(edge, b"gates: [proof]\n", theirs)
        old, new = self.release(edge, theirs), self.release(edge, theirs, revision=2)
        edge.sign(**new)
        asked = edge.prepare(**old)
        with refuses("unordered", match=r"it is older than that of release 2 of base\.example\.net/stable"):
            edge.ask(*asked)
        edge.sign()  # the imports are removed, and come back
        with refuses("unordered", match="it is older than that of release 2"):
            edge.sign(**old)
        edge.sign(**self.release(edge, theirs, revision=3))
        assert edge.released == 3

    def test_a_curator_orders_an_older_one(self, edge: Channel, theirs: Theirs) -> None:
        """This helps where an invented release number was accepted once; then their own numbers count again."""
        self.allow(edge, b"gates: [proof]\n", theirs)
        old, new = self.release(edge, theirs), self.release(edge, theirs, revision=2)
        edge.sign(**new)
        edge.sign()
        (taken,) = old["imports"]
        edge.order(Act.RETRY, packages={taken.names[0]: taken.packages[0].descriptor})
        edge.sign(**old)
        edge.sign(**new)
        assert edge.released == 4

    def test_their_licenses_are_looked_at(self, edge: Channel, theirs: Theirs) -> None:
        self.allow(edge, b"gates: [proof, licenses: {deny: [AGPL-3.0-only]}]\n", theirs)
        with refuses("gate-refused", match=r"base\.example\.net/lib 1\.0-1 may not enter edge: it is licensed"):
            edge.sign(**self.release(edge, theirs, license="AGPL-3.0-only"))
        edge.sign(**self.release(edge, theirs))
        assert edge.released == 1

    def test_curators_let_them_in_and_out(self, edge: Channel, theirs: Theirs) -> None:
        edge.builder.owners = {"curators.yaml": CURATORS}
        self.allow(edge, b"gates: [proof, approvals: {count: 1}]\n", theirs)
        good = self.release(edge, theirs)
        taken = theirs.package(edge.builder.build(edge.builder.recipe("pattern")))

        def signed(distribution: str = DISTRIBUTION) -> list[bytes]:
            about: dict[str, Any] = {"channel": "edge", "curator": "alice", "distribution": distribution}
            return [
                sign_statement(approval_statement(taken, **about, removed=removed), ALICE) for removed in (False, True)
            ]

        # Alice may also be a curator of another distribution that imports it; an older client did not say for which.
        of_others = [*signed(""), *signed(THEM), *signed("quite.another.example")]
        for given in ([], of_others):
            with refuses("gate-refused", match="may not enter edge: 0 of 1"):
                edge.sign(**good, approvals=given)
        said = signed()
        with refuses("gate-refused", match="may not enter edge: 0 of 1"):
            edge.sign(**good, approvals=said[1:])
        edge.sign(**good, approvals=said[:1])
        with refuses("gate-refused", match="may not leave edge: 0 of 1"):
            edge.sign(approvals=[*said[:1], *of_others])
        edge.sign(approvals=said[1:])
        assert edge.released == 2


@needs_compiler
class TestHardening:
    WAIVER = "hardening:\n  waive:\n    - {property: bind-now, files: lib/*, reason: it is loaded by hand}\n"
    CODE = "int area(int a) { return a; }"
    GOOD = ("-Wl,-z,relro", "-fstack-protector-strong", "-fstack-clash-protection")

    @pytest.fixture
    def edge(self, tmp_path: Path) -> Channel:
        return opened_channel(tmp_path, b"gates: [proof, hardening]\n")

    def build(self, edge: Channel, *options: str, more: str = "") -> Package:
        recipe = edge.builder.recipe("shape", more=more)
        made = library("libshape.so.1", self.CODE, options=options)
        return edge.builder.put_out(recipe, edge.builder.pin(recipe), {"": made.files, "debug": made.debug_files})

    def test_what_the_files_lack_is_seen_in_them(self, edge: Channel) -> None:
        with refuses("gate-refused", match=r"shape 1\.0-1 .*: lib/libshape\.so\.1 lacks bind-now$"):
            edge.sign(self.build(edge, *self.GOOD))
        edge.sign(self.build(edge, *self.GOOD, "-Wl,-z,now"))
        assert edge.released == 1

    def test_what_compilers_were_told_is_read_in_the_debug_data_of_the_build(self, edge: Channel) -> None:
        lazy = self.build(edge, "-Wl,-z,relro", "-Wl,-z,now")
        with refuses("gate-refused", match="lacks stack-protector and stack-clash-protection"):
            edge.sign(lazy)
        debug = edge.builder.built["shape-debug"]
        edge.builder.blobs.path(debug.built.facts.digest).unlink()
        with pytest.raises(MissingBlobError):
            edge.sign(lazy)

    def test_the_recipe_waives_it_that_the_release_names(self, edge: Channel) -> None:
        lazy = self.build(edge, *self.GOOD)
        waiving = edge.builder.recipe("shape", more=self.WAIVER)
        edge.sign(replace(lazy, tests=waiving.digest))
        assert edge.released == 1

    def test_a_waiver_counts_that_an_owner_has_signed_and_no_other(self, edge: Channel) -> None:
        builder = edge.builder
        builder.owners = {"curators.yaml": CURATORS, "OWNERS": b"* alice\n"}
        sign_policy(Repository(edge.public), edge.keys, builder.policy(), edge.now)
        lazy = self.build(edge, *self.GOOD)
        waiving = builder.recipe("shape", more=self.WAIVER)
        builder.sign("alice", ALICE, lazy.recipe)
        with refuses("unsigned-recipe"):
            edge.sign(replace(lazy, tests=waiving.digest), submissions=tuple(builder.submissions))
        builder.sign("alice", ALICE, waiving)
        edge.sign(replace(lazy, tests=waiving.digest), submissions=tuple(builder.submissions))

    def test_facts_of_a_worker_of_before_hide_nothing(self, edge: Channel) -> None:
        honest = self.build(edge, "-Wl,-z,norelro")
        old = replace(PackageFacts(), dangling=None, python=None, debug=None)
        made = library("libshape.so.1", self.CODE, options=("-Wl,-z,norelro",))
        package = edge.builder.put_out(honest.recipe, honest.plan, {"": made.files}, facts=old)
        with refuses("gate-refused", match=r"lib/libshape\.so\.1 lacks relro and bind-now"):
            edge.sign(package)
