"""The files of channels, curators and owners, each by itself: a mistake in one of them stops no other channel.

A mistake in `OWNERS` stops submissions, and no channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from farm.core.files.problems import Problem, RecipeError
from farm.core.policy.channel_reading import channel_of, survey_channels
from farm.core.policy.curators import CURATORS, read_curators
from farm.core.policy.gates.approvals import ApprovalsGate
from farm.core.policy.owners import OWNERS, read_owners
from farm.core.recipe.distributions import DISTRIBUTIONS
from farm.errors import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farm.core.policy.channel import ChannelPolicy

CHANNELS = "channels"
_Value = TypeVar("_Value")


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
    reading = partial(read_curators, file=CURATORS)
    curators, wrong = _read(CURATORS, files.get(CURATORS), lost.get(CURATORS), reading, {})
    texts = {path: text for path, text in files.items() if is_channel(path)}
    # A file that cannot be read exists nevertheless: another channel may take from it.
    found = survey_channels(texts | {path: b"" for path in lost if is_channel(path)}, curators=curators)
    troubles = {name: tuple(problem.in_a_line() for problem in problems) for name, problems in found.problems.items()}
    troubles |= {channel_of(path): (f"{path}: {why}",) for path, why in lost.items() if is_channel(path)}
    if wrong:
        troubles |= {
            name: wrong
            for name, policy in found.policies.items()
            if any(isinstance(gate, ApprovalsGate) for gate in policy.gates)
        }
    followed = {name: policy for name, policy in found.policies.items() if name not in troubles}
    owners, at_fault = _read(OWNERS, files.get(OWNERS), lost.get(OWNERS), partial(_owners_text, curators or {}))
    if wrong and OWNERS in files.keys() - lost.keys():  # without the curators, all that it names would be at fault
        owners, at_fault = None, wrong
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


def _read(
    file: str, text: bytes | None, why: str | None, read: Callable[[bytes], _Value], absent: Any = None
) -> tuple[_Value | None, tuple[str, ...]]:
    """Return the content of a file, or `absent`; None, and the problems, when it cannot be read."""
    if why is not None:
        return None, (Problem(Place(file), why).in_a_line(),)
    try:
        return absent if text is None else read(text), ()
    except RecipeError as error:
        return None, tuple(problem.in_a_line() for problem in error.problems)


def _owners_text(curators: Mapping[str, Mapping[str, str]], text: bytes) -> str:
    read_owners(text, curators)
    return text.decode()
