"""The files of channels, curators and owners, each by itself: a mistake in one of them stops no other channel.

A mistake in `OWNERS` stops submissions, and no channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.core.files.problems import Problem, RecipeError
from farm.core.policy.channel_reading import channel_of, survey_channels
from farm.core.policy.curators import CURATORS, read_curators
from farm.core.policy.gates.approvals import ApprovalsGate
from farm.core.policy.owners import OWNERS, read_owners
from farm.core.recipe.distributions import DISTRIBUTIONS
from farm.errors import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.policy.channel import ChannelPolicy

CHANNELS = "channels"


@dataclass(frozen=True, slots=True)
class Policies:
    """The valid policies, and for the other channels their problems, one line each; by name.

    `curators` are the public keys (hexadecimal) of named people, by group. `unsigned` has, for channels that continue,
    the points in which their files are laxer than what is signed; these files do not count. `owners` is the text of
    `OWNERS`, None where there is none; with `owners_troubles` it is wrong, or cannot be checked. `owners_people` are
    the groups that it uses, where these are not `curators`; `owners_unsigned` is why the file does not count.
    """

    policies: Mapping[str, ChannelPolicy]
    curators: Mapping[str, Mapping[str, str]]
    troubles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unsigned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    owners: str | None = None
    owners_troubles: tuple[str, ...] = ()
    owners_people: Mapping[str, Mapping[str, str]] | None = None
    owners_unsigned: str = ""


def read_policies(files: Mapping[str, bytes], unreadable: Mapping[str, str] | None = None) -> Policies:
    """Read `channels/*.yaml`, `curators.yaml` and `OWNERS` by path; `unreadable` has the reasons for unreadable files.

    Channels that require approvals wait when the curators are unknown. Never raises `RecipeError`.
    """
    lost = unreadable or {}
    curators, wrong = _curators(files.get(CURATORS), lost.get(CURATORS))
    texts = {path: text for path, text in files.items() if is_channel(path)}
    # A file that cannot be read exists nevertheless: another channel may take from it.
    found = survey_channels(texts | {path: b"" for path in lost if is_channel(path)}, curators=curators)
    troubles = {name: tuple(problem.in_a_line() for problem in problems) for name, problems in found.problems.items()}
    troubles |= {channel_of(path): (f"{path}: {why}",) for path, why in lost.items() if is_channel(path)}
    if wrong:
        asking = (name for name, policy in found.policies.items() if _asks_for_approvals(policy))
        troubles |= dict.fromkeys(asking, wrong)
    followed = {name: policy for name, policy in found.policies.items() if name not in troubles}
    owners, at_fault = _owners(files.get(OWNERS), lost.get(OWNERS), curators, wrong)
    return Policies(followed, curators or {}, dict(sorted(troubles.items())), owners=owners, owners_troubles=at_fault)


def is_channel(path: str) -> bool:
    """Return whether a file of the tree, by its path, is the policy of a channel."""
    return path.startswith(f"{CHANNELS}/") and path.endswith(".yaml") and path.count("/") == 1


def is_policy_file(path: str) -> bool:
    """Return whether a file of the tree is one of those that targets sign.

    These are the policies, the people who may approve and submit, and the distributions that packages may be imported
    from.
    """
    return is_channel(path) or path in (CURATORS, OWNERS, DISTRIBUTIONS)


def _curators(text: bytes | None, why: str | None) -> tuple[Mapping[str, Mapping[str, str]] | None, tuple[str, ...]]:
    """Return the groups; None, and the problems, when they are unknown."""
    if why is not None:
        return None, (Problem(Place(CURATORS), why).in_a_line(),)
    if text is None:
        return {}, ()
    try:
        return read_curators(text, CURATORS), ()
    except RecipeError as error:
        return None, tuple(problem.in_a_line() for problem in error.problems)


def _owners(
    text: bytes | None, why: str | None, curators: Mapping[str, Mapping[str, str]] | None, wrong: tuple[str, ...]
) -> tuple[str | None, tuple[str, ...]]:
    """Return the text of `OWNERS`, and the problems with it or with the curators whom it names."""
    if why is not None:
        return None, (Problem(Place(OWNERS), why).in_a_line(),)
    if text is None:
        return None, ()
    if curators is None:
        return None, wrong
    try:
        read_owners(text, curators)
    except RecipeError as error:
        return None, tuple(problem.in_a_line() for problem in error.problems)
    return text.decode(), ()


def _asks_for_approvals(policy: ChannelPolicy) -> bool:
    return any(isinstance(gate, ApprovalsGate) for gate in policy.gates)
