"""What a dynamic loader, or the starter of a program, can open of a member, and under which paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from farm.core.names.root_places import in_root
from farm.core.sets.linking.linked_file import FoundPlace
from farm.core.sets.members.search_path import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.core.sets.linking.linked_file import LinkedFile
    from farm.core.sets.members.member import Member


class Opening(NamedTuple):
    """What a loader opens at a spot of the member `owner`; `file` is None for what is not an ELF file."""

    spot: FoundPlace
    owner: str
    file: LinkedFile | None

    @property
    def loadable(self) -> bool:
        """Whether it is a library that the loader accepts, on the right machine."""
        return self.file is not None and not self.file.is_program and not self.file.details.refused


def openings(member: Member, files: Iterable[LinkedFile]) -> Iterator[Opening]:
    """Yield what a loader can open of a member."""
    for file in files:
        for spot in file.spots:
            yield Opening(spot, member.name, file)
    for path in member.opened:
        if not path.file:
            yield Opening(FoundPlace.at(path.path, declared=path.declared), member.name, None)


def directory_links(member: Member) -> Iterator[tuple[Place, Place]]:
    """Yield the links of a member to its own directories, in the root and within the package."""
    for path, target, declared in member.directory_links:
        inside = Place(target, member.name)
        if declared or in_root(path):
            yield Place(path if declared else in_root(path)), inside
        if not declared:
            yield Place(path, member.name), inside


def programs(member: Member, files: Iterable[LinkedFile]) -> Iterator[tuple[str, LinkedFile | None]]:
    """Yield each command of a member with the ELF file that it runs, None for a script."""
    by_path = {file.path: file for file in files}
    paths = dict(member.programs)
    for command in member.facts.commands:
        yield command, by_path.get(paths.get(command, f"bin/{command}"))
