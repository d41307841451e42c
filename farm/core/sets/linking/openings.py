"""What a dynamic loader, or whoever starts a program, can open of a member, and under which paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from farm.core.sets.linking.linked_file import Spot
from farm.core.sets.members.search_path import Place, in_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.core.sets.linking.linked_file import LinkedFile
    from farm.core.sets.members.member import Member


class Opening(NamedTuple):
    """What a loader opens at a spot of the member `owner`: a file, None for what is no ELF file at all."""

    spot: Spot
    owner: str
    file: LinkedFile | None

    @property
    def loadable(self) -> bool:
        """Whether it goes on with that, as long as it is for the right machine."""
        return self.file is not None and not self.file.is_program and not self.file.refused


def openings(member: Member, files: Iterable[LinkedFile]) -> Iterator[Opening]:
    """Give what a loader can open of a member."""
    for file in files:
        for spot in file.spots:
            yield Opening(spot, member.name, file)
    for each in member.opened:
        if not each.file:
            yield Opening(Spot.at(each.path, declared=each.declared), member.name, None)


def directory_links(member: Member) -> Iterator[tuple[Place, Place]]:
    """Give the links of a member to directories of its own, in the root and within the package."""
    for path, target, declared in member.directory_links:
        inside = Place(target, member.name)
        if declared or in_root(path):
            yield Place(path if declared else in_root(path)), inside
        if not declared:
            yield Place(path, member.name), inside


def programs(member: Member, files: Iterable[LinkedFile]) -> Iterator[tuple[str, LinkedFile | None]]:
    """Give each command of a member with the ELF file that it runs, None for a script."""
    by_path = {file.path: file for file in files}
    paths = dict(member.programs)
    for command in member.facts.commands:
        yield command, by_path.get(paths.get(command, f"bin/{command}"))
