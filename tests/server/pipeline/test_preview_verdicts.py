"""What a preview's verdict says, how it is published, and that nothing of it reaches a channel before acceptance."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from farm.client.repository.host import Host
from farm.client.repository.preview import open_preview
from farm.core.names.digest import Digest
from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gates.licenses import LicensesGate
from farm.core.policy.gates.set_gates import ProofGate, TestsGate
from farm.core.policy.gates.soak import SoakGate
from farm.errors import FarmError
from farm.server.channels import candidates, flaky_tests
from farm.server.identities.access import Actor
from farm.server.pipeline.gates.policy_gates import package_gates
from farm.server.pipeline.publishing.preview_publication import PublicPreviews
from farm.server.pipeline.repository.public_store import PublicStore
from farm.server.pipeline.repository.signer_client import SignerUnreachableError
from farm.server.previews import builds, previews
from farm.server.submissions.pending_submissions import accept, withdraw
from farm.server.submissions.previewing import expire_previews, submit_preview
from farm.server.tables.preview_verdict import PreviewVerdict, VerdictState
from farm.server.transaction.planning_inputs import LeasePolicy
from tests.core.sets.values import elf
from tests.farms.people import name_of
from tests.farms.releasing import ReleasingFarm
from tests.farms.small import recipe
from tests.refusing import refuses
from tests.server.pipeline.test_newest_tests import with_tests
from tests.server.pipeline.test_verdicts import statements

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database
    from farm.trust.index.release_index import Release

ME = Actor("token:me")
LIB, APP = with_tests("lib", "lib-works"), with_tests("app", "app-works", needs=("lib",))
CHANGED = with_tests("lib", "lib-works", flag="x", revision=2)


@pytest.fixture
def releasing(database: Database, tmp_path: Path) -> ReleasingFarm:
    farm = ReleasingFarm.open(database, tmp_path, LeasePolicy(rebuild="always"))
    farm.clock.now = datetime.now(UTC)  # clients read previews too, and these last for a week of real time
    farm.submit(LIB, APP)
    farm.settle()
    farm.test_runs.clear()
    return farm


def preview(farm: ReleasingFarm, *recipes: dict[str, bytes]) -> int:
    named = {name_of(files): files for files in recipes}
    return submit_preview(farm.application, named, submitted_by="token:me", trace="trace").id


def examine(farm: ReleasingFarm) -> None:
    """Do what control does of previews in two threads."""
    farm.pipeline.examine_previews()
    farm.pipeline.sign_previews()


def verdict(farm: ReleasingFarm, number: int, **how: object) -> PreviewVerdict:
    """Build and test until the preview is judged."""
    for _ in range(20):
        farm.build_all_but_tests()
        farm.pipeline.advance()
        examine(farm)
        farm.run_tests(**how)  # type: ignore[arg-type]
        if (found := stated(farm, number)) and found.decided:
            return found
    raise AssertionError("the preview is never judged")


def stated(farm: ReleasingFarm, number: int) -> PreviewVerdict | None:
    with farm.application.reading() as unit:
        found = previews.preview(unit.session, number)
    assert found is not None
    return found.verdict


def digests(farm: ReleasingFarm, number: int) -> dict[str, Digest]:
    with farm.application.reading() as unit:
        return {package.name: package.digest for package in builds.packages_of_preview(unit.session, number)}


def newest_candidate(farm: ReleasingFarm) -> int:
    with farm.application.reading() as unit:
        latest = candidates.latest_candidate(unit.session, "edge")
    assert latest is not None
    return latest.id


def test_a_preview_that_passes_is_released_with_the_same_packages_and_tests(releasing: ReleasingFarm) -> None:
    before, candidate = releasing.released(), newest_candidate(releasing)
    number = preview(releasing, CHANGED)
    found = verdict(releasing, number)
    assert (found.state, found.base, found.tests, found.findings) == (VerdictState.PASSES, 1, 2, ())
    assert [(change.package, change.before, change.after) for change in found.changes] == [
        ("app", "1.0-1", "1.0-1+b2"),
        ("lib", "1.0-1", "1.0-2"),
    ]
    assert sorted(releasing.test_runs) == ["app-works", "lib-works"]
    assert (releasing.released(), newest_candidate(releasing)) == (before, candidate)

    built = digests(releasing, number)
    releasing.test_runs.clear()
    accept(releasing.application, ME, number)
    assert releasing.build_all_but_tests() == []
    releasing.settle()
    assert releasing.releases() == 2
    assert releasing.released() == built
    assert releasing.test_runs == [], "what was tested in the preview is tested again"


def test_a_dependent_that_breaks_is_named_and_its_test_too(releasing: ReleasingFarm) -> None:
    number = preview(releasing, CHANGED)
    found = verdict(releasing, number, failing=("app-works",))
    assert found.state is VerdictState.FAILS
    (finding,) = found.findings
    assert (finding.gate, finding.package, finding.passed) == ("tests", "app", False)
    assert "test 'app-works' of app failed in job" in finding.message
    assert (releasing.releases(), releasing.excuses()) == (1, {})


def test_a_build_that_fails_is_the_verdict(releasing: ReleasingFarm) -> None:
    number = preview(releasing, CHANGED)
    releasing.fail(releasing.claim(), "no such file")
    found = verdict(releasing, number)
    assert found.state is VerdictState.FAILS
    assert [(finding.gate, finding.package, finding.message) for finding in found.findings] == [
        ("build", "lib", "no such file")
    ]


def test_while_it_is_built_and_tested_the_verdict_says_how_far(releasing: ReleasingFarm) -> None:
    number = preview(releasing, CHANGED)
    examine(releasing)
    found = stated(releasing, number)
    assert found is not None
    assert (found.state, found.summary) == (VerdictState.BUILDING, "0 of 1 build done")
    releasing.build_all_but_tests()
    examine(releasing)
    found = stated(releasing, number)
    assert found is not None
    assert (found.state, found.summary) == (VerdictState.TESTING, "0 of 2 tests done")


def test_what_the_proof_would_refuse_is_said(releasing: ReleasingFarm) -> None:
    releasing.shape("lib", "2.0", {"lib/libgone.so.1": elf(soname="libgone.so.1")}, requires=("soname:libmissing.so",))
    number = preview(releasing, with_tests("lib", "lib-works", version="2.0"))
    found = verdict(releasing, number)
    assert found.state is VerdictState.FAILS
    assert {finding.gate for finding in found.findings} == {"proof"}
    assert any("libmissing.so" in finding.message for finding in found.findings)


def test_the_gates_of_single_packages_are_asked_and_those_of_time_and_people_left_open(
    database: Database, tmp_path: Path
) -> None:
    channel = ChannelPolicy("edge", (ProofGate(), TestsGate(), LicensesGate(("Apache-2.0",)), SoakGate(3600)))
    farm = ReleasingFarm.open(database, tmp_path, channel=channel, gates=package_gates(channel, {}))
    number = preview(farm, recipe("a"))
    found = verdict(farm, number)
    assert found.state is VerdictState.FAILS
    assert [(finding.gate, finding.package) for finding in found.findings] == [("licenses", "a")]
    assert found.unknown == ("soak",)


def test_another_release_has_the_verdict_renewed(releasing: ReleasingFarm) -> None:
    number = preview(releasing, CHANGED)
    verdict(releasing, number)
    releasing.submit(recipe("new"))
    releasing.settle()
    examine(releasing)
    found = stated(releasing, number)
    assert found is not None
    assert (found.base, found.state) == (2, VerdictState.PASSES)


def test_an_open_preview_delays_no_channel(releasing: ReleasingFarm) -> None:
    preview(releasing, CHANGED)
    releasing.claim()
    assert releasing.status().settled
    releasing.submit(recipe("new"))
    releasing.finish(releasing.claim("two"))
    while releasing.advance() != "released":
        pass
    assert releasing.versions() == {"app": "1.0", "lib": "1.0", "new": "1.0"}


def subscriber(farm: ReleasingFarm, place: Path) -> Host:
    """A host that follows `edge`."""
    root = farm.signer.repository.root
    host = Host(place / "state", place / "shared")
    fingerprint = Digest.of((root / "metadata" / "1.root.json").read_bytes())
    host.subscriptions.subscribe(str(root), "edge", fingerprint)
    return host


def test_what_is_built_can_be_run_by_its_number_and_nothing_else_names_it(
    releasing: ReleasingFarm, tmp_path: Path
) -> None:
    number = preview(releasing, CHANGED)
    before = releasing.released()
    examine(releasing)
    assert releasing.signer.previewed == {}, "it is not built yet"
    verdict(releasing, number, failing=("app-works",))  # what fails its tests can be tried all the more
    host = subscriber(releasing, tmp_path / "host")
    catalogue = open_preview(host, number)
    built = digests(releasing, number)
    assert {name: catalogue.entry(name).descriptor.digest for name in ("lib", "app")} == built
    newest = host.catalogue()
    assert {name: newest.entry(name).descriptor.digest for name in ("lib", "app")} == before
    with releasing.application.reading() as unit:
        asked = previews.preview(unit.session, number)
    assert asked is not None
    assert asked.release == releasing.signer.previewed[f"preview-{number}"].digest
    releasing.signer.previewed.clear()
    examine(releasing)
    assert releasing.signer.previewed == {}, "it is signed once"


def test_a_withdrawn_preview_is_published_no_more(releasing: ReleasingFarm, tmp_path: Path) -> None:
    number = preview(releasing, CHANGED)
    verdict(releasing, number)
    host = subscriber(releasing, tmp_path / "host")
    archive = open_preview(host, number).entry("lib").archive.digest
    public = PublicStore(releasing.signer.repository.root, releasing.application.blobs)
    assert not public.lacks(archive)
    with releasing.application.planning() as unit:
        withdraw(unit, ME, number, curates=False)
    expire_previews(releasing.application, PublicPreviews(releasing.signer, public))
    with refuses("unknown-preview"):
        open_preview(host, number)
    assert public.lacks(archive)
    for digest in releasing.released().values():
        assert not public.lacks(digest)


def test_a_preview_that_was_accepted_stays_published_with_the_channel(releasing: ReleasingFarm, tmp_path: Path) -> None:
    number = preview(releasing, CHANGED)
    verdict(releasing, number)
    accept(releasing.application, ME, number)
    releasing.settle()
    host = subscriber(releasing, tmp_path / "host")
    archive = host.catalogue().entry("lib").archive.digest
    public = PublicStore(releasing.signer.repository.root, releasing.application.blobs)
    releasing.clock.passes(timedelta(days=8).total_seconds())
    expire_previews(releasing.application, PublicPreviews(releasing.signer, public))
    with refuses("unknown-preview"):
        open_preview(host, number)
    assert not public.lacks(archive)
    assert releasing.application.blobs.has(archive)


def test_a_refusal_of_the_signer_is_no_verdict(releasing: ReleasingFarm) -> None:
    releasing.signer.refuses = True
    number = preview(releasing, CHANGED)
    assert verdict(releasing, number).state is VerdictState.PASSES
    with releasing.application.reading() as unit:
        asked = previews.preview(unit.session, number)
    assert asked is not None
    assert asked.release is None


def test_a_signer_that_does_not_answer_is_asked_again(
    releasing: ReleasingFarm, caplog: pytest.LogCaptureFixture
) -> None:
    number = preview(releasing, CHANGED)
    sign, releasing.signer.sign_preview = releasing.signer.sign_preview, unreachable  # type: ignore[method-assign]
    releasing.build_all_but_tests()
    for _ in range(2):
        examine(releasing)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        f"preview {number} waits for the signer: the signer does not answer. "
    ], "it is logged once"
    assert releasing.signer.previewed == {}
    releasing.signer.sign_preview = sign  # type: ignore[method-assign]
    verdict(releasing, number)
    assert list(releasing.signer.previewed) == [f"preview-{number}"]


def test_a_signer_that_is_slow_with_a_preview_delays_no_release_and_no_verdict(releasing: ReleasingFarm) -> None:
    first = preview(releasing, CHANGED)
    sign, asked, goes_on = releasing.signer.sign_preview, threading.Event(), threading.Event()

    def slow(release: Release, *, base: str, until: datetime) -> None:
        asked.set()
        assert goes_on.wait(60)
        sign(release, base=base, until=until)

    releasing.signer.sign_preview = slow  # type: ignore[method-assign]
    releasing.build_all_but_tests()
    releasing.pipeline.examine_previews()
    with ThreadPoolExecutor(1) as signing:
        signed = signing.submit(releasing.pipeline.sign_previews)
        assert asked.wait(60)
        try:
            releasing.submit(recipe("new"))
            releasing.settle()
            second = preview(releasing, recipe("newer"))
            while stated(releasing, second) is None or not stated(releasing, second).decided:  # type: ignore[union-attr]
                releasing.build_all_but_tests()
                releasing.pipeline.examine_previews()
            assert releasing.versions() == {"app": "1.0", "lib": "1.0", "new": "1.0"}
            assert releasing.signer.previewed == {}
        finally:
            goes_on.set()
        signed.result()
    assert list(releasing.signer.previewed) == [f"preview-{first}"]
    releasing.pipeline.sign_previews()
    assert f"preview-{second}" in releasing.signer.previewed


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), FarmError("the signer refuses it")])
def test_a_preview_that_is_not_signed_stops_no_other_and_is_prepared_again(
    releasing: ReleasingFarm, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = preview(releasing, CHANGED), preview(releasing, recipe("new"))
    sign, prepared = releasing.signer.sign_preview, []

    def refusing(release: Release, *, base: str, until: datetime) -> None:
        if release.channel == f"preview-{first}":
            prepared.append(release)
            raise error
        sign(release, base=base, until=until)

    releasing.signer.sign_preview = refusing  # type: ignore[method-assign]
    for _ in range(10):
        releasing.build_all_but_tests()
        examine(releasing)
    assert list(releasing.signer.previewed) == [f"preview-{second}"]
    assert len(prepared) > 1
    assert sum(f"preview {first} is not signed" in record.message for record in caplog.records) == 1
    releasing.signer.sign_preview = sign  # type: ignore[method-assign]
    examine(releasing)
    assert sorted(releasing.signer.previewed) == sorted([f"preview-{first}", f"preview-{second}"])


def unreachable(*_: object, **_options: object) -> None:
    raise SignerUnreachableError("the signer does not answer")


def end(farm: ReleasingFarm, number: int) -> PublicStore:
    """Withdraw a preview, and remove what it has built and published."""
    with farm.application.planning() as unit:
        withdraw(unit, ME, number, curates=False)
    return remove(farm)


def remove(farm: ReleasingFarm) -> PublicStore:
    public = PublicStore(farm.signer.repository.root, farm.application.blobs)
    expire_previews(farm.application, PublicPreviews(farm.signer, public))
    return public


def archives(farm: ReleasingFarm, number: int) -> list[Digest]:
    with farm.application.reading() as unit:
        return [package.archive.digest for package in builds.packages_of_preview(unit.session, number)]


def test_the_archives_of_a_preview_that_the_signer_refused_are_removed_with_it(releasing: ReleasingFarm) -> None:
    releasing.signer.refuses = True
    number = preview(releasing, CHANGED)
    verdict(releasing, number)
    public = PublicStore(releasing.signer.repository.root, releasing.application.blobs)
    published = [digest for digest in archives(releasing, number) if not public.lacks(digest)]
    assert published
    end(releasing, number)
    assert [digest for digest in published if not public.lacks(digest)] == []


def test_a_preview_that_is_withdrawn_while_it_is_signed_cannot_be_run(releasing: ReleasingFarm, tmp_path: Path) -> None:
    number = preview(releasing, CHANGED)
    sign = releasing.signer.sign_preview

    def withdrawn_meanwhile(release: Release, *, base: str, until: datetime) -> None:
        end(releasing, number)
        sign(release, base=base, until=until)

    releasing.signer.sign_preview = withdrawn_meanwhile  # type: ignore[method-assign]
    releasing.build_all_but_tests()
    examine(releasing)
    assert list(releasing.signer.previewed) == [f"preview-{number}"]
    with refuses("unknown-preview"):
        open_preview(subscriber(releasing, tmp_path / "host"), number)
    with releasing.application.reading() as unit:
        asked = previews.preview(unit.session, number)
    assert asked is not None
    assert asked.release is None


def test_what_is_built_again_while_a_preview_is_removed_is_kept(releasing: ReleasingFarm) -> None:
    number = preview(releasing, CHANGED)
    verdict(releasing, number)
    archive = archives(releasing, number)[0]
    take = releasing.signer.remove_preview

    def built_meanwhile(preview: int) -> None:
        take(preview)
        releasing.submit(CHANGED)
        releasing.claim()

    releasing.signer.remove_preview = built_meanwhile  # type: ignore[method-assign]
    public = end(releasing, number)
    assert not public.lacks(archive)
    assert releasing.application.blobs.has(archive)


def test_an_open_preview_of_which_nothing_changes_keeps_nobody_from_writing(releasing: ReleasingFarm) -> None:
    number = preview(releasing, CHANGED)
    for _ in range(2):
        releasing.build_all_but_tests()
        examine(releasing)
    for state in (VerdictState.TESTING, VerdictState.PASSES):
        found = stated(releasing, number)
        assert found is not None
        assert found.state is state
        examine(releasing)
        with statements(releasing.application.database) as made:
            examine(releasing)
        assert not [line for line in made if line == "BEGIN IMMEDIATE" or "pg_advisory" in line or "UPDATE" in line]
        releasing.run_tests()
        examine(releasing)


def test_tests_that_wait_are_looked_at_again_after_a_time(releasing: ReleasingFarm) -> None:
    preview(releasing, CHANGED)
    releasing.build_all_but_tests()
    for _ in range(3):
        examine(releasing)
    releasing.clock.passes(31)
    with statements(releasing.application.database) as made:
        examine(releasing)
    assert any("BEGIN IMMEDIATE" in line or "pg_advisory" in line for line in made)


def test_a_preview_that_cannot_be_examined_keeps_no_other_from_it(releasing: ReleasingFarm) -> None:
    releasing.shape("one", "1.0", {"lib/libone.so.1": elf(soname="libone.so.1")})
    broken, other = preview(releasing, recipe("one")), preview(releasing, recipe("two"))
    releasing.build_all_but_tests()
    with releasing.application.reading() as unit:
        (package,) = builds.packages_of_preview(unit.session, broken)
    releasing.application.blobs.delete(package.facts.digest)
    assert verdict(releasing, other).state is VerdictState.PASSES


def test_a_test_that_is_flaky_in_a_preview_is_not_in_quarantine_in_the_farm(releasing: ReleasingFarm) -> None:
    number = preview(releasing, CHANGED)
    failed: list[str] = []

    def once(name: str, _there: dict[str, str]) -> bool:
        failed.append(name)
        return failed.count(name) > 1

    assert verdict(releasing, number, judge=once).state is VerdictState.PASSES
    assert len(failed) > len(set(failed))
    with releasing.application.reading() as unit:
        assert flaky_tests.flaky(unit.session, now=unit.now) == []
