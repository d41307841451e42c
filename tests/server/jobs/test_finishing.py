"""Ends of attempts: an outcome is accepted once, and only if it is the outcome of what was leased."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from farm.api.log_lines import encode_record
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.version import Version
from farm.core.plan.abi import MOST_LINE, AbiOrder, AbiOutcome, AbiSide, AbiVerdict
from farm.core.plan.job import BlobRef, BuildOutcome, BuiltPackage, DependencyArchive, TestOrder, TestOutcome
from farm.core.recipe.recipe import Limits, Test
from farm.server.documents.log_store import LogStore
from farm.server.jobs import attempts, comparisons
from farm.server.jobs.comparisons import Comparison
from farm.server.jobs.finishing import fail, finish_build, finish_comparison, finish_test
from farm.server.jobs.job_actions import JobStateError, request_comparison, request_test, retry
from farm.server.jobs.leases import LeaseLostError
from farm.server.jobs.reported_packages import RefusedOutcomeError
from farm.server.packages.provided_files import provider_of
from farm.server.tables.package_rows import ProvidedFileRow
from farm.server.tables.states import JobState
from farm.trust.attestation.provenance import ProvenanceError
from tests.farms.small import WORLD, SmallFarm, accept_provenance, recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farm.core.buildlog.first_error import FirstError
    from farm.core.package.descriptor import Descriptor
    from farm.core.plan.consumption import Consumption
    from farm.server.tables.records import Worker

NOWHERE = BlobRef(Digest.of(b"nowhere"), 7)


def _changed(outcome: BuildOutcome, **values: object) -> BuildOutcome:
    return replace(outcome, packages=(replace(outcome.packages[0], **values),))  # type: ignore[arg-type]


def _described(outcome: BuildOutcome, **values: object) -> BuildOutcome:
    return _changed(outcome, descriptor=replace(outcome.packages[0].descriptor, **values))  # type: ignore[arg-type]


def _twice(outcome: BuildOutcome) -> BuildOutcome:
    return replace(outcome, packages=outcome.packages * 2)


LIES: list[tuple[str, Callable[[BuildOutcome], BuildOutcome], str]] = [
    ("another plan", lambda o: _described(o, plan=Digest.of(b"another")), "plan"),
    ("another version", lambda o: _described(o, version=Version("2.0")), "2.0"),
    ("another revision", lambda o: _described(o, revision=7), "revision"),
    ("another license", lambda o: _described(o, license="GPL-3.0-only"), "licence"),
    (
        "another's name",
        lambda o: _described(o, name=PackageName("dist.example.org", "bash")),
        "each package once",
    ),
    ("another distribution", lambda o: _described(o, name=PackageName("evil.example", "a")), "evil.example"),
    (
        "an undeclared output",
        lambda o: _described(o, name=PackageName("dist.example.org", "a-dev")),
        "each package once",
    ),
    ("one package twice", _twice, "each package once"),
    ("no package", lambda o: replace(o, packages=()), "once"),
    ("an archive that is not there", lambda o: _changed(o, archive=NOWHERE), "not uploaded"),
    ("a wrong size", lambda o: _changed(o, archive=replace(o.packages[0].archive, size=1)), "bytes"),
    ("another manifest", lambda o: _changed(o, manifest=o.packages[0].facts), "names other blobs"),
    ("another tree", lambda o: _described(o, tree=Digest.of(b"tree")), "names other blobs"),
    ("another archive", lambda o: _described(o, diff_id=Digest.of(b"another")), "does not hold what"),
    ("other facts", lambda o: _described(o, facts=Digest.of(b"facts")), "names other blobs"),
    ("no provenance", lambda o: replace(o, provenance=NOWHERE.digest), "was not uploaded"),
]


@pytest.mark.parametrize(("lie", "says"), [case[1:] for case in LIES], ids=[case[0] for case in LIES])
def test_a_lie_is_refused_and_the_honest_report_is_still_taken(
    farm: SmallFarm, lie: Callable[[BuildOutcome], BuildOutcome], says: str
) -> None:
    farm.submit(recipe("a"))
    lease = farm.claim()
    honest = farm.outcome(lease)
    with pytest.raises(RefusedOutcomeError, match=says):
        finish_build(farm.application, farm.holder(lease), lie(honest), check_provenance=accept_provenance)
    assert farm.current() == {}
    assert farm.finish(lease).state is JobState.SUCCEEDED


def test_a_build_whose_sources_the_farm_does_not_have_is_refused(farm: SmallFarm) -> None:
    source = f"source:\n  url: https://example.org/a-1.0.tar.gz\n  sha256: {Digest.of(b'source').hex}\n"
    farm.submit(recipe("a", more=source))
    lease = farm.claim()
    with pytest.raises(RefusedOutcomeError, match=r"source a-1\.0\.tar\.gz .* was not uploaded"):
        farm.finish(lease)
    farm.application.blobs.put_bytes(b"source")
    assert farm.finish(lease).state is JobState.SUCCEEDED


def test_the_outcome_of_another_build_is_refused(farm: SmallFarm) -> None:
    farm.submit(recipe("a"), recipe("b"))
    one, other = farm.claim("one"), farm.claim("two")
    with pytest.raises(RefusedOutcomeError):
        finish_build(farm.application, farm.holder(one), farm.outcome(other), check_provenance=accept_provenance)


def test_a_provenance_that_does_not_vouch_is_refused(farm: SmallFarm) -> None:
    def refuse(
        envelope: bytes, worker: Worker, packages: Sequence[Descriptor], recipe: Digest, build: int
    ) -> tuple[Consumption, ...]:
        raise ProvenanceError(packages[0].name.short, "nobody signed it")

    farm.submit(recipe("a"))
    lease = farm.claim()
    with pytest.raises(ProvenanceError):
        finish_build(farm.application, farm.holder(lease), farm.outcome(lease), check_provenance=refuse)
    assert farm.current() == {}


def test_a_second_report_of_the_same_attempt_is_refused(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    lease = farm.claim()
    farm.finish(lease)
    with pytest.raises(LeaseLostError, match="succeeded"):
        farm.finish(lease)
    with pytest.raises(LeaseLostError, match="succeeded"):
        farm.fail(lease)


def test_the_package_is_recorded_with_where_it_comes_from(farm: SmallFarm) -> None:
    accepted = farm.submit(recipe("a")).accepted[0]
    lease = farm.claim()
    farm.finish(lease)
    package = farm.current()["a"]
    assert (package.plan, package.recipe) == (lease.job.subject, accepted.revision.digest)
    assert (package.built_by, package.attempt_id, package.summary) == ("one", lease.attempt.id, "The a package")
    assert farm.application.blobs.size(package.digest) == package.descriptor.size


def test_the_end_keeps_size_and_digest_of_the_log(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    lease = farm.claim()
    line = b'{"time":"t","stream":"stdout","severity":"info","step":"make","text":"cc"}\n'
    farm.application.logs.append(lease.attempt.id, 0, line, limit=1000)
    farm.finish(lease)
    with farm.application.reading() as unit:
        attempt = attempts.attempt(unit.session, lease.attempt.id)
    assert attempt is not None
    assert (attempt.log_size, attempt.log_digest) == (len(line), Digest.of(line))


def test_a_failure_is_kept_in_words_and_blocks_what_needs_it(farm: SmallFarm) -> None:
    farm.submit(recipe("a", needs=("b",)), recipe("b", needs=("c",)), recipe("c"))
    failed = farm.fail(farm.claim())
    assert (failed.state, failed.error_code, failed.error) == (
        JobState.FAILED,
        "build-failed",
        "make: *** [all] Error 2",
    )
    assert farm.states() == {"a": JobState.BLOCKED, "b": JobState.BLOCKED, "c": JobState.FAILED}


def log_of(*texts: str) -> bytes:
    record = {"time": "t", "stream": "output", "severity": "info", "step": "make"}
    return b"".join(encode_record(record | {"text": text}) for text in texts)


def test_a_failure_is_kept_with_the_first_error_and_the_package_that_provides_what_is_missing(farm: SmallFarm) -> None:
    farm.submit(recipe("zlib"))
    farm.finish(farm.claim(), files={"include/zlib.h": "", "lib/pkgconfig/zlib.pc": "", "share/doc/zlib.h": ""})
    farm.submit(recipe("a"))
    lease = farm.claim()
    log = log_of("cc a.c", "a.c:3:10: fatal error: zlib.h: No such file or directory", "make: *** [a.o] Error 1")
    farm.application.logs.append(lease.attempt.id, 0, log, limit=10_000)
    farm.fail(lease)
    with farm.application.reading() as unit:
        failed = attempts.attempt(unit.session, lease.attempt.id)
        assert provider_of(unit.session, ErrorKind.MISSING_PACKAGE, "ZLIB") == "zlib"
        assert provider_of(unit.session, ErrorKind.MISSING_HEADER, "zconf.h") == ""
    assert failed is not None
    assert failed.first_error is not None
    assert (failed.first_error.line, failed.first_error.subject, failed.first_error.provider) == (2, "zlib.h", "zlib")


def test_a_log_is_scanned_by_one_web_process_though_two_are_told_of_the_failure(
    farm: SmallFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that got no answer in time sends its report again, and another process receives it."""
    farm.submit(recipe("a"))
    lease = farm.claim()
    farm.application.logs.append(lease.attempt.id, 0, log_of("a.c:1:1: error: no"), limit=10_000)
    scans, scan = [threading.Event(), threading.Event()], LogStore.first_error
    waiting = iter(scans)

    def first_error(logs: LogStore, attempt: int) -> FirstError | None:
        next(waiting).set()
        scans[1].wait(1)  # as long as a second scan might begin
        return scan(logs, attempt)

    def report() -> JobState | str:
        process = replace(farm.application, logs=LogStore(farm.application.logs.root))
        try:
            return fail(process, farm.holder(lease), code="build-failed", message="it failed").state
        except LeaseLostError as error:
            return error.code

    monkeypatch.setattr(LogStore, "first_error", first_error)
    with ThreadPoolExecutor(2) as both:
        ended = [both.submit(report) for _ in scans]
        assert sorted(answer.result() for answer in ended) == ["failed", LeaseLostError.code]
    assert [event.is_set() for event in scans] == [True, False]


def test_what_an_earlier_build_provides_is_indexed_once(farm: SmallFarm) -> None:
    for flag in ("one", "two"):
        farm.submit(recipe("zlib", flag=flag))
        farm.finish(farm.claim(), content=flag, files={"include/zlib.h": flag, f"include/{flag}.h": ""})
    with farm.application.reading() as unit:
        rows = unit.session.exec(select(ProvidedFileRow.path).order_by(ProvidedFileRow.path)).all()
    assert rows == ["include/one.h", "include/two.h", "include/zlib.h"]


def test_a_success_has_no_first_error_whatever_its_log_says(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    lease = farm.claim()
    farm.application.logs.append(lease.attempt.id, 0, log_of("a.c:1:1: error: no"), limit=10_000)
    farm.finish(lease)
    with farm.application.reading() as unit:
        attempt = attempts.attempt(unit.session, lease.attempt.id)
    assert attempt is not None
    assert attempt.first_error is None


def test_mending_the_recipe_unblocks_everything(farm: SmallFarm) -> None:
    farm.submit(recipe("a", needs=("b",)), recipe("b", needs=("c",)), recipe("c"))
    farm.fail(farm.claim())
    farm.submit(recipe("c", flag="mended"))
    assert farm.states() == {"a": JobState.WAITING, "b": JobState.WAITING, "c": JobState.READY}
    assert farm.build_all() == ["c", "b", "a"]


def test_trying_again_unblocks_everything(farm: SmallFarm) -> None:
    farm.submit(recipe("a", needs=("b",)), recipe("b"))
    failed = farm.fail(farm.claim())
    with farm.application.planning() as unit:
        again = retry(unit, failed.id, trace="t")
    assert again.state is JobState.READY
    assert farm.build_all() == ["b", "a"]
    with farm.application.planning() as unit, pytest.raises(JobStateError, match="newest") as caught:
        retry(unit, failed.id, trace="t")
    assert f"job {again.id} of submission 1 has replaced it, and is succeeded" in caught.value.message
    assert f"farm log {again.id}" in caught.value.remedy


def test_submitting_what_failed_again_tries_again(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    farm.fail(farm.claim())
    farm.submit(recipe("a"))
    assert farm.build_all() == ["a"]


def _order(farm: SmallFarm) -> TestOrder:
    package = farm.current()["a"]
    return TestOrder(Test("works", command=("/usr/bin/a",)), package.digest, (), Limits())


@pytest.mark.parametrize(("passed", "state"), [(True, JobState.SUCCEEDED), (False, JobState.FAILED)])
def test_a_test_ends_as_its_worker_says(farm: SmallFarm, passed: bool, state: JobState) -> None:
    farm.submit(recipe("a"))
    farm.build_all()
    with farm.application.planning() as unit:
        job = request_test(unit, _order(farm), recipe="a", trace="t")
    lease = farm.claim()
    assert lease.order == _order(farm)
    outcome = TestOutcome(passed, 0 if passed else 1, "" if passed else "it printed 2", Digest.of(b"log"))
    ended = finish_test(farm.application, farm.holder(lease), outcome)
    assert (ended.id, ended.name, ended.state, ended.error) == (job.id, "a", state, outcome.message)


def test_the_report_of_a_build_does_not_end_a_test(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    build = farm.claim()
    outcome = farm.outcome(build)
    farm.finish(build)
    with farm.application.planning() as unit:
        request_test(unit, _order(farm), recipe="a", trace="t")
    lease = farm.claim()
    with pytest.raises(RefusedOutcomeError, match="is a test"):
        finish_build(farm.application, farm.holder(lease), outcome, check_provenance=accept_provenance)


def test_built_packages_keep_their_names(farm: SmallFarm) -> None:
    farm.submit(recipe("a", more="outputs:\n  dev: [include/**]\n"))
    lease = farm.claim()
    outcome = farm.outcome(lease)
    main = outcome.packages[0]
    named = replace(main.descriptor, name=PackageName("dist.example.org", "a-dev"))
    both = replace(outcome, packages=(main, BuiltPackage(named, main.archive, main.manifest, main.facts)))
    finish_build(farm.application, farm.holder(lease), both, check_provenance=accept_provenance)
    assert sorted(farm.current()) == ["a", "a-dev"]


def test_what_a_comparison_says_is_made_fit_to_be_kept(farm: SmallFarm) -> None:
    digest = Digest.of(b"shape")
    archive = DependencyArchive(digest, f"shape-1-{digest.store_key}", NOWHERE, NOWHERE, digest)
    side = AbiSide("lib/libshape.so.1", archive, archive)
    order = AbiOrder(side, replace(side, library="lib/libshape.so.1.1"), WORLD.toolchains["c"].tree, Limits())
    with farm.application.planning() as unit:
        request_comparison(unit, Comparison(order, "shape", "libshape.so.1"), trace="t")
    said = AbiOutcome(AbiVerdict.NOT_JUDGED, 1, Digest.of(b"log"), ("a\0line",), "why\0" + "x" * 100_000)
    finish_comparison(farm.application, farm.holder(farm.claim()), said)
    with farm.application.reading() as unit:
        outcome = comparisons.comparison(unit.session, order.digest).outcome
    assert outcome is not None
    assert outcome.report == ("a\N{REPLACEMENT CHARACTER}line",)
    assert outcome.reason[:5] == "why\N{REPLACEMENT CHARACTER}x"
    assert len(outcome.reason) == MOST_LINE


def test_the_log_is_not_read_for_a_lease_that_is_gone(farm: SmallFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    farm.submit(recipe("a"))
    lease = farm.claim()
    farm.fail(lease)
    read: list[int] = []
    monkeypatch.setattr(type(farm.application.logs), "_piece", lambda *about: read.append(about[1]) or b"")
    with pytest.raises(LeaseLostError):
        farm.fail(lease)
    outcome = TestOutcome(False, 1, "no", Digest.of(b"log"))
    with pytest.raises(LeaseLostError):
        finish_test(farm.application, farm.holder(lease), outcome)
    assert read == []
