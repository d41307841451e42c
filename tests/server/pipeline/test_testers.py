"""Whose test results count: those of listed testers, for exactly this order, from as many as the channel requires."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner
from sqlalchemy import text

from farm.checker.builds.builds import BuildContext, Builds
from farm.checker.builds.known_builds import ReleaseContext
from farm.checker.builds.ownership import SignedOwnership
from farm.checker.builds.plans import Plans
from farm.checker.gates.interfaces import check_interfaces
from farm.checker.reading.change import ReleaseChange
from farm.checker.sets import ReleasedSets
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.package.elf.details import ElfDetails
from farm.core.plan.abi import AbiOrder, AbiOutcome, AbiVerdict
from farm.core.plan.job import BlobRef, TestOrder, TestOutcome
from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.set_gates import AbiGate, ProofGate, TestsGate
from farm.server.channels import candidates
from farm.server.jobs import attempts, jobs
from farm.server.jobs.finishing import finish_comparison, finish_test
from farm.server.jobs.leases import claim
from farm.server.pipeline.publishing.signing_evidence import attestations_of
from farm.server.recipes import recipes
from farm.server.submissions import submissions
from farm.server.tables.session import Database
from farm.server.tables.states import JobKind, JobState
from farm.server.transaction.planning_inputs import ToolchainRef
from farm.signing.evidence import ReleaseEvidence
from farm.store.blobs import BlobStore
from farm.trust.attestation.tester_results import verify_test_result
from farm.trust.ceremony.drafting import TargetsEdit, draft_targets
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.index.release_index import Release
from farm.trust.keys.key_files import load_key
from farm.trust.layout import BLOBS
from farm.trust.metadata.builders import AllowedBuilders
from farm.trust.metadata.signed_policy import SignedToolchain, policy_of_files
from tests.core.sets.values import elf
from tests.farms.releasing import ReleasingFarm
from tests.farms.small import WORLD, recipe
from tests.refusing import refuses
from tests.server.signed_results import attested

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from securesystemslib.signer import Key

    from farm.core.sets.proof.trial import TrialSet
    from farm.server.jobs.leases import Lease

PASSED = TestOutcome(passed=True, exit=0, message="", log=Digest.of(b"log"))
FAILED = TestOutcome(passed=False, exit=1, message="it broke", log=Digest.of(b"log"))


def with_test(name: str, **more: object) -> dict[str, bytes]:
    return recipe(name, more="tests:\n  - name: works\n    command: [/usr/bin/x]\n", **more)  # type: ignore[arg-type]


@dataclass
class TestedFarm(ReleasingFarm):
    """A farm with the testers `one` and `two`, whose repository lists those that a test chooses."""

    __test__ = False

    def key(self, name: str) -> Key:
        return self.signers[name].public_key

    def lists(self, *names: str, gone: tuple[str, ...] = (), needed: int = 1) -> None:
        """Add these testers to the signed list, and remove those that are `gone`."""
        edit = TargetsEdit(
            allow_testers=tuple(map(self.key, names)),
            remove_testers=tuple(self.key(name).keyid for name in gone),
            tests=(("edge", needed),),
        )
        now = datetime.now(UTC)
        draft = draft_targets(self.signer.repository, edit, now).signed_by(
            load_key(self.signer.repository.root.parent / "keys/offline/targets")
        )
        publish_draft(self.signer.repository, draft, self.signer.signers, now)

    def wishes(self) -> str:
        """Build what can be built, and let the pipeline request tests; return its last message."""
        self.build_all_but_tests()
        return self.pipeline.advance().message

    def lease_for(self, worker: str) -> Lease | None:
        return claim(self.application, self.workers[worker])

    def reports(self, worker: str, outcome: TestOutcome = PASSED, *, signs: bool = True) -> Lease:
        lease = self.lease_for(worker)
        assert lease is not None, f"there is nothing to test for {worker}"
        assert isinstance(lease.order, TestOrder)
        if signs:
            outcome = attested(self.application.blobs, lease.order, outcome, self.signers[worker])
        finish_test(self.application, self.holder(lease), outcome)
        return lease

    def decides(self) -> str:
        """Run the pipeline; return its last message."""
        for _ in range(3):
            message = self.pipeline.advance().message
        return message

    def counted(self) -> tuple[Digest, ...]:
        with self.application.reading() as unit:
            latest = candidates.latest_candidate(unit.session, "edge")
            assert latest is not None
            return attestations_of(unit, latest)

    def gate(self, gate: GateKind = GateKind.TESTS) -> str:
        with self.application.reading() as unit:
            latest = candidates.latest_candidate(unit.session, "edge")
            assert latest is not None
            return next(
                result.summary for result in candidates.gate_results(unit.session, latest.id) if result.gate is gate
            )

    def attestation(self, lease: Lease) -> Digest:
        with self.application.reading() as unit:
            attempt = attempts.attempt(unit.session, lease.attempt.id)
        assert attempt is not None
        return Digest(attempt.attestation)

    def tests(self) -> list[JobState]:
        with self.application.reading() as unit:
            found = jobs.list_jobs(unit.session, limit=1000)
        return [job.state for job in reversed(found) if job.kind is JobKind.TEST]

    def forges(self, statement: str, **values: object) -> None:
        """Change the database, as an intruder could."""
        with self.application.writing() as unit:
            changed = unit.session.connection().execute(text(statement), values)
            assert changed.rowcount


@pytest.fixture
def empty(migrated_sqlite: Path, tmp_path: Path) -> Iterator[TestedFarm]:
    """A farm whose repository lists no testers."""
    shutil.copyfile(migrated_sqlite, tmp_path / "farm.db")
    database = Database(f"sqlite:///{tmp_path / 'farm.db'}")
    yield TestedFarm.open(database, tmp_path)
    database.close()


@pytest.fixture
def testing(empty: TestedFarm) -> TestedFarm:
    """A farm with a package to be tested, whose repository lists the tester `one`."""
    empty.lists("one")
    empty.submit(with_test("a"))
    empty.wishes()
    return empty


def test_a_repository_of_before_lets_every_result_count_and_says_so_once(
    empty: TestedFarm, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "farm.server.pipeline"):
        empty.submit(with_test("a"))
        empty.wishes()
        empty.reports("two", signs=False)
        empty.decides()
    assert empty.releases() == 1
    assert empty.counted() == ()
    warnings = [message for message in caplog.messages if "names no testers" in message]
    assert len(warnings) == 1
    assert "--allow-tester" in warnings[0]


def test_the_result_of_a_listed_tester_counts_and_the_release_rests_on_it(testing: TestedFarm) -> None:
    lease = testing.reports("one")
    testing.decides()
    assert testing.releases() == 1
    assert testing.counted() == (testing.attestation(lease),)
    assert isinstance(lease.order, TestOrder)
    content = testing.application.blobs.read(testing.counted()[0])
    key = testing.key("one")
    assert verify_test_result(content, {key.keyid: key}, order=lease.order).outcome.passed


def test_the_signer_is_brought_who_signed_the_tests_of_what_does_not_move(empty: TestedFarm) -> None:
    """It asks whether they are the newest of all tested ones: an owner may have gone back to them."""
    empty.lists("one")
    empty.shape("app", "1.0", {}, requires=("package:lib",))
    said = empty.submit(recipe("lib"), with_test("app"))
    empty.wishes()
    empty.reports("one")
    empty.decides()
    envelope = empty.application.blobs.put_bytes(b"what the owner of app has signed")
    with empty.application.writing() as unit:
        app = recipes.current_digests(unit.session, ["app"]).values()
        signed = {"recipes": app, "person": "alice", "submission": said.id, "now": unit.now}
        submissions.add_signatures(unit.session, envelope=envelope, **signed)
    empty.submit(recipe("lib", version="2.0"))
    empty.wishes()
    empty.reports("one")
    empty.decides()
    assert empty.releases() == 2
    brought = ReleaseEvidence.from_json(BlobStore(empty.signer.repository.root / BLOBS).read(empty.signer.evidence[-1]))
    assert brought.submissions == (envelope,)


def test_who_is_not_listed_gets_nothing_to_test(testing: TestedFarm) -> None:
    assert testing.lease_for("two") is None
    assert testing.lease_for("one") is not None


def test_a_worker_that_was_enrolled_after_the_wish_counts_no_more_than_one_before(testing: TestedFarm) -> None:
    testing.enrol("late", builds=False)
    testing.reports("late")
    testing.decides()
    assert testing.releases() == 0
    assert testing.lease_for("late") is None
    testing.reports("one")
    testing.decides()
    assert testing.releases() == 1


def test_a_failure_that_nobody_listed_has_seen_refuses_nothing(testing: TestedFarm) -> None:
    for number in range(3):
        name = f"late-{number}"
        testing.enrol(name, builds=False)
        testing.reports(name, FAILED)
        assert "0 of 1 test done" in testing.decides()
    testing.reports("one")
    testing.decides()
    assert testing.releases() == 1


def test_a_failure_of_a_listed_tester_refuses_it(testing: TestedFarm) -> None:
    for _ in range(3):
        testing.reports("one", FAILED)
        testing.decides()
    assert testing.releases() == 0
    with testing.application.reading() as unit:
        latest = candidates.latest_candidate(unit.session, "edge")
    assert latest is not None
    assert "it broke" in latest.reason


def test_a_listed_tester_that_does_not_sign_counts_nothing_and_the_channel_says_why(testing: TestedFarm) -> None:
    """An older worker: it continues, and is not asked again and again without a pause."""
    testing.reports("one", signs=False)
    assert "its worker did not sign the result" in testing.decides()
    assert testing.lease_for("one") is None
    testing.clock.passes(60)
    testing.decides()
    testing.reports("one")
    testing.decides()
    assert testing.releases() == 1


def test_what_a_tester_said_counts_no_more_once_it_is_off_the_list(empty: TestedFarm) -> None:
    """Also for a candidate at the gates."""
    empty.lists("one")
    empty.submit(with_test("a"), with_test("b"))
    empty.wishes()
    empty.reports("one")
    empty.lists("two", gone=("one",))
    assert "0 of 2 tests done" in empty.decides()
    assert empty.lease_for("one") is None
    for _ in range(2):
        empty.reports("two")
    empty.decides()
    assert empty.releases() == 1
    assert len(empty.counted()) == 2


def test_a_list_without_any_tester_lets_nothing_pass_and_the_channel_says_what_helps(testing: TestedFarm) -> None:
    testing.lists(gone=("one",))
    said = testing.decides()
    assert "no enrolled worker that tests is a listed tester" in said
    assert "farm keys draft targets --allow-tester" in said
    assert "no enrolled worker" in testing.gate()
    testing.lists("two")
    testing.decides()
    testing.reports("two")
    testing.decides()
    assert testing.releases() == 1


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE job SET state = 'succeeded', error_code = '', error = '' WHERE kind = 'test'",
        "UPDATE attempt SET state = 'succeeded', error_code = '' WHERE attestation != ''",
        "UPDATE attempt SET outcome = :passed WHERE attestation != ''",
    ],
    ids=["job", "attempt", "outcome"],
)
def test_an_edit_of_the_database_makes_no_failed_test_pass(testing: TestedFarm, forgery: str) -> None:
    testing.reports("one", FAILED)
    passed = canonical_json(PASSED.to_dict()).decode()
    testing.forges(forgery, **({"passed": passed} if ":passed" in forgery else {}))
    testing.decides()
    assert testing.releases() == 0


def test_an_attestation_of_another_test_does_not_pass_for_this_one(testing: TestedFarm) -> None:
    testing.reports("one")
    testing.decides()
    testing.submit(with_test("b"))
    testing.wishes()
    lease = testing.reports("one", FAILED)
    testing.forges(
        "UPDATE attempt SET attestation = (SELECT attestation FROM attempt WHERE attestation != '' AND id != :id) "
        "WHERE id = :id",
        id=lease.attempt.id,
    )
    testing.forges("UPDATE job SET state = 'succeeded' WHERE id = :id", id=lease.job.id)
    testing.decides()
    assert testing.releases() == 1


def test_a_forged_verdict_without_a_statement_counts_nothing(testing: TestedFarm) -> None:
    """Such a verdict used to admit a package whose only test always fails."""
    lease = testing.lease_for("one")
    assert lease is not None
    testing.forges("UPDATE job SET state = 'succeeded', finished_at = changed_at WHERE id = :id", id=lease.job.id)
    testing.decides()
    assert testing.releases() == 0
    keyid = testing.key("one").keyid
    testing.forges(
        "UPDATE attempt SET state = 'succeeded', tester = :tester, attestation = :made WHERE id = :id",
        id=lease.attempt.id,
        tester=keyid,
        made=testing.application.blobs.put_bytes(b"{}"),
    )
    testing.decides()
    assert testing.releases() == 0


class TestAgreement:
    @pytest.fixture
    def agreeing(self, database: Database, tmp_path: Path) -> TestedFarm:
        """A channel that requires two testers; there are `one`, `two` and `three`."""
        made = TestedFarm.open(database, tmp_path)
        made.enrol("three")
        made.lists("one", "two", "three", needed=2)
        made.submit(with_test("a"))
        made.wishes()
        return made

    def test_one_result_is_not_enough_and_its_tester_is_not_asked_again(self, agreeing: TestedFarm) -> None:
        first = agreeing.reports("one")
        agreeing.decides()
        assert agreeing.releases() == 0
        assert agreeing.lease_for("one") is None
        second = agreeing.reports("two")
        agreeing.decides()
        assert agreeing.releases() == 1
        assert agreeing.counted() == tuple(sorted(map(agreeing.attestation, (first, second))))

    def test_a_result_is_that_of_who_has_signed_it_and_of_no_second_tester(self, agreeing: TestedFarm) -> None:
        first = agreeing.reports("one")
        agreeing.decides()
        second = agreeing.reports("two", FAILED)
        agreeing.forges(
            "UPDATE attempt SET attestation = (SELECT attestation FROM attempt WHERE id = :first) WHERE id = :second",
            first=first.attempt.id,
            second=second.attempt.id,
        )
        agreeing.decides()
        assert agreeing.releases() == 0

    def test_where_they_differ_a_third_decides(self, agreeing: TestedFarm) -> None:
        agreeing.reports("one")
        for _ in range(3):
            agreeing.decides()
            agreeing.reports("two", FAILED)
        agreeing.decides()
        assert agreeing.releases() == 0
        assert agreeing.lease_for("two") is None
        agreeing.reports("three")
        agreeing.decides()
        assert agreeing.releases() == 1

    def test_one_liar_refuses_nothing(self, agreeing: TestedFarm) -> None:
        for _ in range(3):
            agreeing.reports("one", FAILED)
            agreeing.decides()
        assert agreeing.lease_for("one") is None
        agreeing.reports("two")
        agreeing.decides()
        agreeing.reports("three")
        agreeing.decides()
        assert agreeing.releases() == 1

    def test_where_nobody_is_left_to_ask_the_channel_says_so(self, agreeing: TestedFarm) -> None:
        agreeing.lists(gone=("three",), needed=2)
        agreeing.decides()
        agreeing.reports("one")
        for _ in range(3):
            agreeing.decides()
            agreeing.reports("two", FAILED)
        assert "2 testers must agree in edge, and those that are listed do not" in agreeing.decides()
        assert agreeing.tests().count(JobState.READY) == 0


ABI = ToolchainRef("abi", Digest.of(b"abi"), BlobRef(Digest.of(b"abi archive"), 10), BlobRef(Digest.of(b"abi"), 10), {})


class TestComparisons:
    """The gate abi uses the same list."""

    @pytest.fixture
    def comparing(self, empty: TestedFarm) -> TestedFarm:
        """A farm for a library and a program that loads it, whose channel requires the gate abi."""
        farm = empty
        farm.application = replace(farm.application, inputs=replace(WORLD, toolchains={**WORLD.toolchains, "abi": ABI}))
        farm.debug_data, farm.producers = True, ("GNU C17 14.2.0 -g -O2",)
        farm.builder = CryptoSigner.generate_ed25519()
        for version in ("1.0", "1.1", "1.2"):
            library = elf(soname="libshape.so.1", exports=["area"])
            farm.shape("shape", version, {"lib/libshape.so.1": replace(library, details=ElfDetails(build_id=version))})
        program = replace(elf(needs=["libshape.so.1"], imports=["area"]), details=ElfDetails(build_id="d"))
        farm.shape("draw", "1.0", {"bin/draw": program})
        empty.pipeline = empty.pipeline_of(ChannelPolicy("edge", (ProofGate(), AbiGate(), TestsGate())))
        empty.lists("one", "two", needed=2)
        return empty

    @pytest.fixture
    def shapes(self, comparing: TestedFarm) -> TestedFarm:
        """Both are released; another build of the library must be compared."""
        comparing.submit(recipe("shape"), recipe("draw", needs=("shape",)))
        comparing.wishes()
        comparing.decides()
        assert comparing.releases() == 1
        comparing.submit(recipe("shape", version="1.1"))
        comparing.wishes()
        return comparing

    def compares(self, shapes: TestedFarm, worker: str, verdict: AbiVerdict, *, signs: bool = True) -> Lease:
        lease = shapes.lease_for(worker)
        assert lease is not None
        assert isinstance(lease.order, AbiOrder)
        outcome = AbiOutcome(verdict, 0, Digest.of(b"log"))
        if signs:
            outcome = attested(shapes.application.blobs, lease.order, outcome, shapes.signers[worker])
        finish_comparison(shapes.application, shapes.holder(lease), outcome)
        return lease

    def test_two_testers_agree_and_the_release_rests_on_both(self, shapes: TestedFarm) -> None:
        first = self.compares(shapes, "one", AbiVerdict.COMPATIBLE)
        shapes.decides()
        assert shapes.lease_for("one") is None
        second = self.compares(shapes, "two", AbiVerdict.COMPATIBLE)
        shapes.decides()
        assert shapes.releases() == 2
        assert shapes.counted() == tuple(sorted(map(shapes.attestation, (first, second))))

    def test_a_verdict_without_a_signature_or_of_one_alone_counts_nothing(self, shapes: TestedFarm) -> None:
        self.compares(shapes, "one", AbiVerdict.COMPATIBLE, signs=False)
        assert "did not sign the result" in shapes.decides()
        shapes.clock.passes(60)
        shapes.decides()
        self.compares(shapes, "one", AbiVerdict.COMPATIBLE)
        shapes.decides()
        self.compares(shapes, "two", AbiVerdict.CHANGED)
        assert "2 testers must agree in edge, and those that are listed do not" in shapes.decides()
        assert shapes.releases() == 1

    def test_the_signer_is_brought_all_that_it_needs_to_come_to_the_same(self, shapes: TestedFarm) -> None:
        for worker in ("one", "two"):
            self.compares(shapes, worker, AbiVerdict.COMPATIBLE)
            shapes.decides()
        case, trial = self.case(shapes)
        check_interfaces(case, trial)
        with refuses("interface-refused", match=r"libshape\.so\.1 of shape 1\.1-1"):
            check_interfaces(replace(case, brought=replace(case.brought, comparisons=())), trial)

    def test_it_is_also_brought_what_shows_that_nothing_can_be_compared(self, comparing: TestedFarm) -> None:
        """With a library that was never released, and debug data without a compiler record."""
        farm = comparing
        farm.producers = ()
        farm.submit(recipe("shape"), recipe("draw", needs=("shape",)))
        farm.build_all_but_tests()
        for number, version in enumerate(("1.1", "1.2"), start=1):
            farm.submit(recipe("shape", version=version))
            comparing.wishes()
            comparing.decides()
            assert comparing.releases() == number
            case, trial = self.case(comparing)
            check_interfaces(case, trial)

    def case(self, shapes: TestedFarm) -> tuple[ReleaseContext, TrialSet]:
        """The last release that the signer was asked for, in a check that finds all builds valid."""
        blobs = BlobStore(shapes.signer.repository.root / BLOBS)
        release = shapes.signer.repository.current("edge").release
        assert release is not None
        previous = Release.from_json(blobs.read(release.previous)) if release.previous else None
        assert shapes.builder is not None
        listed = shapes.signer.repository.builders()
        builders = AllowedBuilders(
            [shapes.builder.public_key], {}, testers=(listed.testers or {}).values(), tests=listed.tests
        )
        policy = policy_of_files({}, [SignedToolchain("abi", ABI.tree, Digest.of(b"lock"))])
        plans = Plans(release.distribution, policy, blobs)
        brought = ReleaseEvidence.from_json(blobs.read(shapes.signer.evidence[-1]))
        ownership = SignedOwnership(release.distribution, policy, (), blobs)
        grounds = BuildContext(blobs, builders, plans, ownership, Everything())
        case = ReleaseContext(release, previous, blobs, builders, plans, brought, Builds(grounds, brought.dependencies))
        return case, ReleasedSets(blobs).prove(ReleaseChange.of(release, previous, blobs))


class Everything:
    """The memory of a signer that has found every build valid."""

    def channels_of(self, _descriptor: Digest) -> frozenset[str]:
        return frozenset({"edge"})
