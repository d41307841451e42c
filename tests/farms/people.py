"""A small farm whose recipes have owners, and these people with their keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from securesystemslib.signer import CryptoSigner

from farm.core.policy.policies import read_policies
from farm.core.recipe.declared_sources import digest_of_files
from farm.server.submissions.owners import apply_owners
from farm.server.submissions.pending_submissions import find_submission
from farm.server.submissions.submission import Submission, submit
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.submission_statement import SignedSubmission, submission_statement
from tests.farms.small import WORLD, SmallFarm

if TYPE_CHECKING:
    from farm.server.submissions.pending_submissions import SubmissionView

ALICE, BOB, MALLORY = (CryptoSigner.generate_ed25519() for _ in range(3))
PEOPLE = {"alice": ALICE, "bob": BOB, "mallory": MALLORY}
OWNERS = "* @curators\nb bob\nc alice bob\n"


def public(signer: CryptoSigner) -> str:
    return str(signer.public_key.keyval["public"])


def curators(**groups: tuple[str, ...]) -> str:
    """The text of curators.yaml: people by group."""
    lines = []
    for group, names in groups.items():
        lines += [f"{group}:", *(f"  {name}: '{public(PEOPLE[name])}'" for name in names)]
    return "\n".join(lines) + "\n"


CURATORS = curators(curators=("alice",), others=("bob", "mallory"))


def own(farm: SmallFarm, owners: str | None = OWNERS, people: str = CURATORS) -> None:
    """Give the files OWNERS and curators.yaml this content from now on."""
    files = {"curators.yaml": people.encode()} | ({"OWNERS": owners.encode()} if owners is not None else {})
    with farm.application.writing() as unit:
        apply_owners(unit, read_policies(files))


def name_of(files: dict[str, bytes]) -> str:
    return files["recipe.yaml"].decode().split("\n")[0].removeprefix("name: ")


def signed(
    who: str,
    *recipes: dict[str, bytes],
    key: CryptoSigner | None = None,
    distribution: str = WORLD.distribution,
    withdrawn: bool = False,
    at: datetime | None = None,
) -> bytes:
    """An envelope in which a person signs recipes, by the person's own key unless another is given."""
    digests = {name_of(files): digest_of_files(files, file="recipe.yaml") for files in recipes}
    said = SignedSubmission(distribution, who, digests, at or datetime.now(UTC), withdrawn=withdrawn)
    return sign_statement(submission_statement(said), key or PEOPLE[who])


def send(farm: SmallFarm, *recipes: dict[str, bytes], envelope: bytes | None = None, by: str = "me") -> Submission:
    named = {name_of(files): files for files in recipes}
    return submit(farm.application, named, submitted_by=f"token:{by}", trace="trace", envelope=envelope)


def whom(submission: Submission) -> dict[str, tuple[str, ...]]:
    """The people that a submission waits for, by recipe."""
    return {unsigned.recipe: unsigned.owners for unsigned in submission.waits_for}


def view(farm: SmallFarm, number: int) -> SubmissionView:
    with farm.application.reading() as unit:
        return find_submission(unit, number)
