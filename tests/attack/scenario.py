"""What the attacked farm has released, what waits for release, and what honest gates hold back: known by construction.

`ALLOWED` is written by hand: no code that decides about releases is used.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from farm.core.advisories.openvex import read_openvex
from farm.core.advisories.reviews import Review
from farm.core.names.canonical_json import canonical_json
from farm.core.package.descriptor import Descriptor
from farm.core.policy.policies import CHANNELS
from farm.server.advisories.advisory_intake import add_advisory, add_statements, state_reviews
from farm.server.channels import releases
from farm.server.curation import curation, ordering
from farm.server.curation.approving import approve
from farm.server.identities import access
from farm.server.identities.access import Actor
from farm.server.packages import packages
from farm.server.tables.schema import migrate
from farm.server.tables.session import Database
from farm.server.tables.states import Role
from farm.trust.attestation.advisory_statement import advisory_claim, claims_to_sign, review_claim, statement_claim
from farm.trust.attestation.approval import approval_statement
from farm.trust.attestation.curator_order import NO_RELEASE, Act, CuratorOrder, order_statement
from farm.trust.attestation.dsse import sign_statement
from farm.trust.ceremony.ceremony import found_channels, found_repository, sign_policy
from farm.trust.layout import ADVISORIES
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import SignedToolchain, policy_of_files, steps_texts
from tests.attack.farm import FAILS, AttackedFarm, Hands
from tests.core.advisories.osv_documents import openvex, osv
from tests.farms.people import ALICE, curators
from tests.farms.small import LOCK, TOOLCHAIN, WORLD, SmallFarm, recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from securesystemslib.signer import CryptoSigner

    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.attestation.advisory_statement import Claim
    from tests.attack.nursery import Nursery

POLICIES = {
    "edge": 'gates: [proof, licenses: {deny: [AGPL-3.0-only]}, host: {kernel: "6.1"}, tests: {of: changed}]\n',
    "stable": "from: edge\ngates: [proof, licenses: {deny: [AGPL-3.0-only]}, advisories: {block: high}, "
    "tests: {of: changed}, soak: 1s, approvals: {of: curators, count: 1}]\n",
    "slow": "from: edge\ngates: [proof, soak: 30d]\n",
    "still": "from: edge\ngates: [proof]\n",
    "twice": "from: edge\ngates: [proof, reproduced: {agree: 2}]\n",
}
OWNERS = "* @curators\n"
CURATORS = curators(curators=("alice",))
FILES = {
    **{f"{CHANNELS}/{name}.yaml": text.encode() for name, text in POLICIES.items()},
    "OWNERS": OWNERS.encode(),
    "curators.yaml": CURATORS.encode(),
}
CURATOR = Actor("token:alice")
_TESTED = "tests:\n  - name: works\n    command: [/usr/bin/true]\n"
LIBS = "outputs: {libs: [lib/**]}\n"
_FAILING = f"tests:\n  - name: works\n    command: [{FAILS}]\n"

RELEASED = ("app", "broken", "kept", "lib", "lone", "reported", "tool", "vuln")
"""Packages that edge has released, in 1.0: all tested, all signed by their owner."""
PARTED = ("duo", "duo-libs", "pair", "pair-libs")
"""The same for two recipes, each with a library as an output of its own."""
APPROVED = ("app", "broken", "kept", "lib", "reported", "tool", "vuln", *PARTED)
"""Packages that Alice has let into stable. An advisory affects `vuln`, and a report is open on `reported`."""

ALLOWED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "edge": {
        **dict.fromkeys(("app", "broken", "kept", "lib", "lone", "reported", "vuln", *PARTED), ("1.0",)),
        "tool": ("2.0",),
        "next": ("1.0",),
        "after": ("1.0",),
    },
    "stable": {**dict.fromkeys(("app", "broken", "kept", "lib", *PARTED), ("1.0",)), "tool": ("2.0",)},
    "slow": {},
    "still": dict.fromkeys((*RELEASED, *PARTED), ("1.0",)),
    "twice": {
        **dict.fromkeys(("app", "broken", "kept", "lib", "reported", "vuln", *PARTED), ("1.0",)),
        "tool": ("2.0",),
        "next": ("1.0",),
        "after": ("1.0",),
    },
}
"""The packages that a release may hold from now on, by channel: versions by name.

Edge holds back: `broken` 2.0, whose test fails, and so `duo` 2.0 with its library; `kept` and `pair` 2.0, which a curator
holds; `viral`, whose license is denied;
`hungry`, which needs more of its host than is promised; `clash`, which claims a path of `tool`; `needy`, which requires
what edge does not hold; `stranger`, which no owner has signed. `tool` 1.0 would be a downgrade.
Stable: `lone`, which nobody has approved, and the two above. Nothing has soaked for `slow`. `still` is frozen since its
first release. Two builders do not agree on `lone`, which is not for `twice`.
`next` waits to be released by edge, and `after` is to come once the attack is over.
"""


def recipe_with_test(
    name: str,
    version: str = "1.0",
    *,
    fails: bool = False,
    more: str = "",
    license: str = "MIT",
    needs: tuple[str, ...] = (),
) -> dict[str, bytes]:
    """The files of a recipe with one test."""
    files = recipe(name, version=version, needs=needs, more=(_FAILING if fails else _TESTED) + more)
    return {"recipe.yaml": files["recipe.yaml"].replace(b"license: MIT", f"license: {license}".encode())}


def found(folder: Path, nursery: Nursery) -> AttackedFarm:
    """Make the farm in `folder` with all that it has released and holds back, and stop it."""
    folder.mkdir()
    (folder / "run").mkdir(mode=0o700)
    for path, text in FILES.items():
        (folder / "recipes" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "recipes" / path).write_bytes(text)
    database = Database(f"sqlite:///{folder / 'farm.db'}")
    migrate(database)
    hands = SmallFarm.open(database, folder, real_time=True)
    hands.application.blobs.put_bytes(canonical_json(steps_texts({})))
    for name in ("builder", "again"):
        hands.enrol(name, tests=False)
    for name in ("tester",):
        hands.enrol(name, builds=False)
    hands.enrol("mallory")
    with hands.application.writing() as unit:
        access.issue_token(unit, name="alice", role=Role.CURATOR, lasts=timedelta(days=1))
    database.close()
    _sign(folder, hands)
    farm = AttackedFarm(folder, nursery).start()
    farm.takes_up()
    _release(farm)
    _hold_back(farm)
    farm.stop()
    return farm


def _sign(folder: Path, hands: Hands) -> None:
    keys, now = folder / "keys", datetime.now(UTC)
    builders = [hands.signers[name].public_key for name in ("builder", "again")]
    listed = [hands.signers["tester"].public_key]
    found_repository(folder / "public", keys, ["edge"], builders, now, testers=listed)
    repository = Repository(folder / "public")
    found_channels(repository, keys, sorted(POLICIES), now, {"twice": 2})
    policy = policy_of_files(FILES, [SignedToolchain("c", TOOLCHAIN.tree, LOCK.digest)])
    sign_policy(repository, keys, policy, now)


def _release(farm: AttackedFarm) -> None:
    """Run the channels until they have made their releases."""
    for name in RELEASED:
        if name not in ("app", "tool"):
            farm.submits(recipe_with_test(name))
    farm.submits(recipe_with_test("app", needs=("lib",), more="requires: [lib]\n"))
    farm.submits(recipe_with_test("tool", more="links: {/usr/share/t: share/tool/x}\n"))
    farm.submits(recipe_with_test("duo", more=LIBS), recipe_with_test("pair", more=LIBS))
    farm.rests()
    with farm.application.writing() as unit:
        _advise(unit)
        curation.report(unit, CURATOR, "edge", "reported", why="it eats homework")
        hold = ordered(farm, Act.HOLD, "edge", packages={"kept": None}, reason="it is to stay")
        curation.hold(unit, CURATOR, "edge", "kept", why="it is to stay", envelope=hold)
        hold = ordered(farm, Act.HOLD, "edge", packages={"pair": None}, reason="it is to stay")
        curation.hold(unit, CURATOR, "edge", "pair", why="it is to stay", envelope=hold)
        freeze = ordered(farm, Act.FREEZE, "still", reason="it is shipped")
        curation.freeze(unit, CURATOR, "still", why="it is shipped", envelope=freeze)
    _approve(farm, *APPROVED)
    time.sleep(1.1)  # the soak of stable
    farm.rests()
    farm.submits(recipe_with_test("tool", "2.0", more="links: {/usr/share/t: share/tool/x}\n"))
    farm.rests()
    _approve(farm, "tool")
    time.sleep(1.1)
    farm.rests()
    # An order that was carried out, and the package that it removed since: both could be replayed.
    with farm.application.reading() as unit:
        first = releases.release(unit.session, "twice", 1)
    back = ordered(farm, Act.ROLLBACK, "twice", target=first.digest if first else None, reason="it was too new")
    _order(farm, lambda unit: ordering.rollback(unit, CURATOR, "twice", 1, why="it was too new", envelope=back))
    newest = next(package for package in current_packages(farm) if package.name == "tool")
    again = ordered(farm, Act.RETRY, "twice", packages={"tool": newest.digest})
    _order(farm, lambda unit: ordering.retry(unit, CURATOR, "twice", packages=["tool"], envelope=again))


HARMLESS = openvex("not_affected", product=f"{WORLD.distribution}/vuln", timestamp="2024-11-21T10:00:00Z")
HARMFUL = openvex("affected", product=f"{WORLD.distribution}/vuln", timestamp="2024-11-22T10:00:00Z")
"""Alice's statement about `vuln`, and her later finding: both are signed, and one is published."""


def _advise(unit: UnitOfWork) -> None:
    advisory = osv(package="vuln", fixed="")
    add_advisory(unit, CURATOR, advisory, envelope=advised(advisory_claim(json.loads(advisory))))
    for document in (HARMLESS, HARMFUL):
        (statement,) = read_openvex(document, WORLD.distribution)
        add_statements(unit, CURATOR, document, envelope=advised(statement_claim(statement, WORLD.distribution)))
    review = Review("lib", "https://tracker.example.net/", datetime.now(UTC).replace(microsecond=0))
    signed = advised(review_claim(review))
    state_reviews(unit, CURATOR, [review.package], review.source, at=review.at, envelope=signed)


def ordered(farm: AttackedFarm, act: Act, channel: str, *, key: CryptoSigner = ALICE, **said: Any) -> bytes:
    """Return an order of Alice's about a channel as it is now, except for `said`, signed by her or by another `key`."""
    newest = farm.release(channel)
    base = newest.digest if newest else NO_RELEASE
    return signed_order(key, **{"act": act, "channel": channel, "base": base, **said})


def advised(*claims: Claim, key: CryptoSigner = ALICE, **said: Any) -> bytes:
    """Return a statement of Alice's about vulnerabilities, signed as an order is."""
    about = {"act": Act.ADVISE, "channel": ADVISORIES, "base": NO_RELEASE, "packages": claims_to_sign(claims)}
    return signed_order(key, **(about | said))


def signed_order(key: CryptoSigner, **said: Any) -> bytes:
    """Return an order, of Alice's unless `said` names another person."""
    now = datetime.now(UTC)
    about = {"distribution": WORLD.distribution, "curator": "alice", "reason": ""}
    order = CuratorOrder(**{"at": now, "expires": now + timedelta(days=1), **about, **said})
    return sign_statement(order_statement(order), key)


def _order(farm: AttackedFarm, give: Callable[[UnitOfWork], object]) -> None:
    with farm.application.writing() as unit:
        give(unit)
    farm.rests()


def _hold_back(farm: AttackedFarm) -> None:
    """Submit what honest gates hold back; then what they let pass at the next turn of the pipeline."""
    farm.submits(recipe_with_test("broken", "2.0", fails=True))
    farm.submits(recipe_with_test("duo", "2.0", fails=True, more=LIBS))
    farm.submits(recipe_with_test("kept", "2.0"), recipe_with_test("pair", "2.0", more=LIBS))
    farm.submits(recipe_with_test("viral", license="AGPL-3.0-only"))
    farm.submits(recipe_with_test("hungry", more='host: {kernel: "6.12"}\n'))
    farm.submits(recipe_with_test("clash", more="links: {/usr/share/t: share/clash/x}\n"))
    farm.submits(recipe_with_test("needy", more="requires: [viral]\n"))
    farm.submits(recipe_with_test("stranger"), who="mallory")
    farm.rests()
    farm.submits(recipe_with_test("next"))
    farm.hands.works()


def _approve(farm: AttackedFarm, *names: str) -> None:
    current = {package.name: package for package in current_packages(farm)}
    with farm.application.writing() as unit:
        envelopes = [
            sign_statement(
                approval_statement(
                    Descriptor.from_json(farm.application.blobs.read(current[name].digest)),
                    channel="stable",
                    curator="alice",
                ),
                ALICE,
            )
            for name in names
        ]
        approve(unit, CURATOR, "stable", envelopes)


def current_packages(farm: AttackedFarm) -> list[Package]:
    with farm.application.reading() as unit:
        return packages.current_packages(unit.session)


def facts(base: Path) -> dict[str, object]:
    """What an attacker looks up first: the columns of each package as `tool2_tree`, and of other rows by their name."""
    known: dict[str, object] = {}
    with closing(sqlite3.connect(base / "farm.db")) as database:
        database.row_factory = sqlite3.Row
        for row in database.execute("SELECT * FROM package ORDER BY build"):
            prefix = f"{row['name']}{row['version'].partition('.')[0]}"
            known |= {f"{prefix}_{column}": row[column] for column in row.keys()}  # noqa: SIM118  (a Row is no mapping)
    return known
