"""The policy that targets has signed: channels, curators, owners, toolchains and steps.

It is a part of the signed list of builders (`farm.trust.metadata.builders`), which earlier clients read without it.
Policies are stored as the texts of their files, so that signed policies are read like written ones. Files in a
directory of recipes can be stricter than what is signed (`farm.core.policy.strictness`), never laxer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from farm.core.files.problems import RecipeError
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.names.form import Form, InvalidRecordError
from farm.core.policy.curators import CURATORS, read_curators, unambiguous_keys
from farm.core.policy.policies import CHANNELS, Policies, is_policy_file, read_policies
from farm.core.recipe.distributions import DISTRIBUTIONS, read_distributions
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from farm.core.recipe.distributions import OtherDistribution
    from farm.trust.metadata.builders import AllowedBuilders
    from farm.trust.metadata.repository_files import RepositoryFiles

StepTexts: TypeAlias = Mapping[Digest, Mapping[str, str]]
"""The texts of libraries of steps, by path, each library by its digest."""
MOST_EARLIER = 16
"""How many toolchains of one name, and step libraries, are accepted at once.

A build with an earlier one can then still be released. Older ones are dropped.
"""


class InvalidSignedPolicyError(FarmError):
    """The policy in a signed list of builders cannot be applied, or could not be signed in this form."""

    code = "invalid-signed-policy"


@dataclass(frozen=True, slots=True)
class SignedToolchain(Form, record="toolchain of a signed policy"):
    """A toolchain that packages may be built in: its tree, and the digest of the text of its lock."""

    name: str
    tree: Digest
    lock: Digest


@dataclass(frozen=True)
class SignedPolicy(Form, record="signed policy", outside={"written"}, constants={"format": 1}):
    """The policy in the signed list of builders.

    `files` are the texts of `channels/*.yaml`, `curators.yaml`, `OWNERS` and `distributions.yaml`, by path; the newest
    toolchain of a name and the newest library of steps (`steps_digest`) are first. `written` are the available texts of
    such libraries: they are signed by digest alone.
    """

    # Not slotted, so that its files are read once.
    files: Mapping[str, str]
    toolchains: tuple[SignedToolchain, ...]
    steps: tuple[Digest, ...]
    written: StepTexts = field(default_factory=dict, compare=False)

    @cached_property
    def policies(self) -> Policies:
        """The policies in the files; raises `InvalidSignedPolicyError` for any that cannot be applied as written."""
        found = read_policies({path: text.encode() for path, text in self.files.items()})
        for path, text in self.files.items():
            if not is_policy_file(path):
                raise InvalidSignedPolicyError(f"the signed policy has a file {path!r:.80}, which is not a policy file")
            if path == CURATORS:
                _check_curators(text)
        for name, lines in found.troubles.items():
            raise InvalidSignedPolicyError(f"the signed policy of {name} cannot be followed: {'; '.join(lines)}")
        if found.owners_troubles:
            raise InvalidSignedPolicyError(f"the signed owners cannot be read: {'; '.join(found.owners_troubles)}")
        return found

    @cached_property
    def distributions(self) -> Mapping[str, OtherDistribution]:
        """The other distributions that packages may be imported from, by name. Raises `InvalidSignedPolicyError`."""
        text = self.files.get(DISTRIBUTIONS)
        try:
            return {} if text is None else read_distributions(text.encode(), DISTRIBUTIONS)
        except RecipeError as error:
            raise InvalidSignedPolicyError(f"the signed {DISTRIBUTIONS} cannot be read: {error.message}") from error

    def toolchain(self, tree: Digest) -> SignedToolchain | None:
        """Return the toolchain of a tree; None for one that is not signed."""
        return next((toolchain for toolchain in self.toolchains if toolchain.tree == tree), None)

    def without_channels(self, names: Collection[str]) -> SignedPolicy:
        """Return this policy without the files of some channels."""
        gone = {f"{CHANNELS}/{name}.yaml" for name in names}
        return replace(self, files={path: text for path, text in self.files.items() if path not in gone})

    def after(self, earlier: SignedPolicy | None) -> SignedPolicy:
        """Return this policy with the toolchains and steps of an earlier one accepted too, behind its own."""
        if earlier is None:
            return self
        return replace(
            self,
            toolchains=_newest_of_each(dict.fromkeys([*self.toolchains, *earlier.toolchains])),
            steps=tuple(dict.fromkeys([*self.steps, *earlier.steps]))[:MOST_EARLIER],
        )


def read_policy(document: bytes) -> SignedPolicy | None:
    """Read the policy from the signed list of builders; None if none is signed, as in a list of an earlier farm.

    Raises `InvalidSignedPolicyError`.
    """
    try:
        form = json.loads(document)["policy"] if b'"policy"' in document else None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidSignedPolicyError(f"the list of allowed builders cannot be read: {error}") from error
    try:
        return None if form is None else SignedPolicy.from_dict(form)
    except (InvalidRecordError, InvalidDigestError) as error:
        raise InvalidSignedPolicyError(
            f"the signed policy cannot be read: {error.message}", remedy=error.remedy
        ) from error


def policy_in_force(repository: RepositoryFiles) -> SignedPolicy | None:
    """Return the policy that a published repository has signed; None if it has signed none.

    Raises `RepositoryStateError`, `InvalidSignedPolicyError`.
    """
    return read_policy(repository.builders_document(repository.head()))


def who_may_order(builders: AllowedBuilders, policy: SignedPolicy | None) -> Mapping[str, str]:
    """Return the people whose orders count, by name, with public keys: signed curators of all groups, and operators.

    Empty while no policy is signed. A person with several keys is left out.
    """
    if policy is None:
        return {}
    return unambiguous_keys({**policy.policies.curators, "": builders.operators})


def policy_of_files(
    files: Mapping[str, bytes], toolchains: Iterable[SignedToolchain], earlier: SignedPolicy | None = None
) -> SignedPolicy:
    """Return the policy to be signed of a directory of recipes (content by path).

    What an `earlier` policy accepts of toolchains and steps stays accepted. Raises `InvalidSignedPolicyError`.
    """
    try:
        texts = {path: text.decode() for path, text in sorted(files.items()) if is_policy_file(path)}
    except UnicodeError as error:
        raise InvalidSignedPolicyError(f"a file of policies is not UTF-8 text: {error}") from error
    written = {steps_digest(files): steps_texts(files)}
    policy = SignedPolicy(texts, tuple(toolchains), tuple(written), written).after(earlier)
    _ = policy.policies, policy.distributions  # raises for what cannot be applied
    return policy


def steps_digest(files: Mapping[str, bytes]) -> Digest:
    """Return the digest of a library of steps: of `steps/*.yaml` among the files of a directory of recipes."""
    return Digest.of_json(steps_texts(files))


def steps_texts(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the texts of `steps/*.yaml`, by path: as canonical JSON they are the blob that `steps_digest` names."""
    return {
        path: text.decode()
        for path, text in sorted(files.items())
        if path.startswith("steps/") and path.endswith(".yaml") and path.count("/") == 1
    }


def _check_curators(text: str) -> None:
    # Where no gate needs approvals, an unreadable list stops no channel; still, it is not signed.
    try:
        read_curators(text.encode(), CURATORS)
    except RecipeError as error:
        raise InvalidSignedPolicyError(f"the signed curators cannot be read: {error}") from error


def _newest_of_each(toolchains: Iterable[SignedToolchain]) -> tuple[SignedToolchain, ...]:
    kept: dict[str, list[SignedToolchain]] = {}
    for toolchain in toolchains:
        kept.setdefault(toolchain.name, []).append(toolchain)
    return tuple(toolchain for _, found in sorted(kept.items()) for toolchain in found[:MOST_EARLIER])
