"""A test that cannot be run: it counts as red on the base, unless it has passed before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.plan.job import DependencyArchive
from farm.trust.ceremony.ceremony import sign_policy
from farm.trust.metadata.repository import Repository
from tests.checker.channel import Channel, opened_channel
from tests.checker.test_foreign import LIB
from tests.checker.theirs import Theirs
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.errors import FarmError
    from farm.signing.evidence import SignedTest
    from tests.checker.built import Package

TESTER = CryptoSigner.generate_ed25519()
CHANGED = b"gates: [proof, tests: {of: changed}]\n"
DEPENDENTS = b"gates: [proof, tests: {of: changed-and-dependents}]\n"
UNTESTED = b"gates: [proof]\n"
WEB = "tests: [{name: works, command: [/usr/bin/works], needs: [%s]}]\n"


class Needing:
    """A channel of ours, with `web`, whose test needs a library of another distribution."""

    def __init__(self, folder: Path, policy: bytes = CHANGED) -> None:
        self.edge = opened_channel(folder, policy, testers=[TESTER])
        self.builder = self.edge.builder
        self.theirs = Theirs(folder / "theirs", self.builder.blobs)
        self.sign_policy(policy)
        self.made = self.builder.build(self.builder.recipe("pattern"))
        self.lib = self.theirs.package(self.made)
        self.theirs.publish(self.lib)
        self.imports = (self.theirs.taken(self.lib),)

    def sign_policy(self, policy: bytes) -> None:
        self.builder.policies = {"channels/edge.yaml": policy, **self.theirs.signed}
        sign_policy(Repository(self.edge.public), self.edge.keys, self.builder.policy(), self.edge.now)

    def web(self, revision: int = 1, needs: str = LIB) -> Package:
        return self.builder.build(self.builder.recipe("web", more=WEB % needs + f"revision: {revision}\n"))

    def result(self, *, passed: bool = True) -> SignedTest:
        """The result of the test of web, with the library present."""
        built = self.made.built
        theirs = DependencyArchive(
            self.lib.tree, self.lib.store_path, self.made.archive, built.manifest, self.lib.digest
        )
        own = self.builder.built["web"].as_dependency
        there = (own, theirs) if own.store.startswith("lib") else (theirs, own)
        return self.builder.test("web", ["web"], TESTER, passed=passed, closure=there)

    def release(self) -> None:
        """Release web with the library, and its test has passed."""
        web = self.web()
        self.edge.sign(web, imports=self.imports, proofs=(self.theirs.shown(),), tests=[self.result()])


@pytest.fixture
def needing(tmp_path: Path) -> Needing:
    made = Needing(tmp_path)
    made.release()
    return made


def refused(edge: Channel, *packages: Package, match: str = "'works' of web", **how: object) -> FarmError:
    with refuses("untested-release", match=match) as error:
        edge.sign(*packages, **how)  # type: ignore[arg-type]
    return error.value


def test_what_a_test_needs_does_not_go_so_that_it_need_not_pass(needing: Needing) -> None:
    edge = needing.edge
    edge.sign()  # the library is removed, and only a test needs it
    web = needing.web(2)
    error = refused(edge, web, match="which has passed before and cannot be run on the release before")
    assert set(error.by_package) == {"web"}
    edge.decision = edge.deciding()
    refused(edge, web)
    back = {"imports": needing.imports, "proofs": (needing.theirs.shown(),)}
    refused(edge, web, tests=[needing.result(passed=False)], **back)
    edge.sign(web, tests=[needing.result()], **back)  # type: ignore[arg-type]
    assert edge.released == 3


def test_that_it_has_passed_is_found_again_where_the_record_was_lost(needing: Needing) -> None:
    edge = needing.edge
    edge.sign()
    (edge.record.directory / "tests.sqlite").unlink()
    edge.decision = edge.deciding()
    refused(edge, needing.web(2))


def test_the_owner_mends_the_test(needing: Needing) -> None:
    edge, builder = needing.edge, needing.builder
    edge.sign()
    web = needing.web(2, needs="")
    edge.sign(web, tests=[builder.test("web", ["web"], TESTER)])
    assert edge.released == 3


def test_one_that_has_never_passed_was_red_and_holds_nothing_back(tmp_path: Path) -> None:
    needing = Needing(tmp_path, UNTESTED)
    needing.edge.sign(needing.web())  # before tests were required
    needing.sign_policy(DEPENDENTS)
    needing.edge.sign(needing.web(2))
    assert needing.edge.released == 2


def test_one_that_is_new_and_needs_what_is_not_there_yet_holds_nobody_else_back(tmp_path: Path) -> None:
    """The farm names newer tests with the next release; that does not bring in a new web."""
    edge = opened_channel(tmp_path, DEPENDENTS, testers=[TESTER])
    builder = edge.builder
    zlib = builder.build(builder.recipe("zlib"))
    more = WEB % "" + "requires: [zlib]\n"
    web = builder.build(builder.recipe("web", more=more))
    edge.sign(zlib, web, tests=[builder.test("web", ["web", "zlib"], TESTER)])
    newer = builder.recipe("web", more=more.replace("needs: []", f"needs: [{LIB}]").replace("works,", "also,", 1))
    zlib = builder.build(builder.recipe("zlib", more="revision: 2\n"))
    edge.sign(zlib, replace(web, tests=newer.digest))
    assert edge.released == 2
