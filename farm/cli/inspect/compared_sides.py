"""The two sides that `farm diff` compares, found by what the user wrote."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from farm.core.comparison.reference import Reference
from farm.core.names.package_name import PackageName
from farm.core.names.printed_version import printed_version
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.build.local_state import LocalState
    from farm.cli.settings import Settings
    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.host import Host
    from farm.core.comparison.builds import ComparedBuild


@dataclass(frozen=True, slots=True)
class Side:
    """A build, and what returns the directory of its files, which may have to be fetched and unpacked.

    `is_local`: it was built on this machine, and its outcome is recorded here.
    """

    build: ComparedBuild
    files: Callable[[], Path]
    is_local: bool = False


class Sides:
    """Finds builds and releases for one command; each channel is opened once.

    `channel` is that of the option, `recipes` the directory of the tree of recipes, which may be missing.
    """

    def __init__(self, settings: Settings, channel: str, recipes: Path) -> None:
        self._settings = settings
        self._channel = channel
        self._recipes = recipes
        self._catalogues: dict[str, Catalogue] = {}

    def release(self, reference: Reference) -> Catalogue:
        """Return the release of a reference; without a number, the newest. Raises what opening a channel raises."""
        return self._release(reference, [])

    def side(self, reference: Reference, other: Reference) -> Side:
        """Return the build of a reference; `other` names the package of a digest that only a channel knows.

        Raises `no-such-build`, `InvalidPackageNameError`, and what opening a channel raises.
        """
        if reference.name:
            PackageName.parse(reference.name, within="any.example")  # paths are made of it
        if reference.descriptor:
            return self._by_digest(reference, other)
        if reference.is_local:
            newest = next(self._local(reference.name), None)
            return self._with_present_recipe(newest) if newest else self._nothing_here(reference.name)
        if reference.version:
            return self._by_version(reference)
        return self._released(self._release(reference, [reference.name]), reference.name)

    def in_channel(self, name: str) -> Side:
        """Return the build of a package in the newest release of the default channel, for one that is built here.

        Raises as `side`, and the error `unknown-package` with the way to see a package that is new there.
        """
        from farm.client.repository.catalogue import UnknownPackageError
        from farm.client.repository.choosing import UnknownChoiceError

        try:
            return self._released(self._release(Reference(name), [name]), name)
        except (UnknownPackageError, UnknownChoiceError) as error:
            raise FarmError(
                f"{name} is new: {error.message}, so there is nothing to compare it with",
                remedy=f"`farm files {name}` lists what the build here has made.",
                code=error.code,
            ) from error

    @cached_property
    def host(self) -> Host:
        """The subscriber's host."""
        from farm.cli.subscriber import open_host

        return open_host(self._settings)

    def _release(self, reference: Reference, names: list[str]) -> Catalogue:
        channel = reference.channel or self._channel
        if channel not in self._catalogues:
            self._catalogues[channel] = self.host.catalogue_of(names, channel)
        catalogue = self._catalogues[channel]
        if reference.number in (None, catalogue.release.number):
            return catalogue
        from farm.client.audit.compared_builds import release_numbered

        return release_numbered(catalogue, reference.number)

    def _released(self, catalogue: Catalogue, name: str) -> Side:
        from farm.client.audit.compared_builds import released_build, released_files

        return Side(released_build(catalogue, name), lambda: released_files(self.host, catalogue, name))

    def _by_version(self, reference: Reference) -> Side:
        """Return the newest released build of a version; of this machine, if no release of a subscription has it."""
        from farm.client.repository.earlier_releases import catalogue_with

        if not self.host.subscriptions.all():
            return self._local_version(reference) or self._nothing_here(f"{reference.name} {reference.version}")
        newest = self._release(replace(reference, version=""), [reference.name])
        known_as = newest.known_as(reference.name)
        try:
            return self._released(catalogue_with(self.host, newest, known_as, reference.version), known_as)
        except FarmError as error:
            side = self._local_version(reference) if error.code == "no-such-version" else None
            if side is None:
                raise
            return side

    def _local_version(self, reference: Reference) -> Side | None:
        for side in self._local(reference.name):
            descriptor = side.build.descriptor
            full = printed_version(descriptor.version, descriptor.revision)
            if reference.version in (str(descriptor.version), full, side.build.identity.version):
                return side
        return None

    def _by_digest(self, reference: Reference, other: Reference) -> Side:
        from farm.client.audit.compared_builds import release_with_descriptor

        digest, name = reference.descriptor, other.name
        assert digest is not None  # noqa: S101  (the caller has looked)
        if self.host.blobs.has(digest):
            from farm.core.package.descriptor import Descriptor

            name = Descriptor.from_json(self.host.blobs.read(digest)).name.short
            for side in self._local(name):
                if side.build.descriptor.digest == digest:
                    return side
        if not name:
            raise FarmError(
                f"this machine does not have the descriptor {digest}",
                remedy="Name the package of the other side (jq@edge): then its channel is searched for this build.",
                code="no-such-build",
            )
        newest = self._release(Reference(name, other.channel), [name])
        known_as = newest.known_as(name)
        return self._released(release_with_descriptor(newest, known_as, digest), known_as)

    def _local(self, name: str) -> Iterator[Side]:
        from farm.build.compared_builds import builds_here, files_here

        state, short = self._local_state, name.rpartition("/")[2]
        for build in builds_here(state, short):
            if name in (short, str(build.descriptor.name)):
                yield Side(build, partial(files_here, state, build), is_local=True)

    def _with_present_recipe(self, side: Side) -> Side:
        """Return a build of this machine with the recipe of the tree, if it is its build still: tests may be newer."""
        from farm.build.local.forecast import recipe_of_build
        from farm.build.recipe_directory import read_readable_recipes
        from farm.cli.recipes_option import scope_of
        from farm.core.lint.part_of_tree import load_part
        from farm.core.names.platform import Platform

        descriptor = side.build.descriptor
        if not (self._recipes / "packages").is_dir():
            return side
        with suppress(FarmError):  # the recipe cannot be read now, or is gone: that of the build is shown
            files, unreadable = read_readable_recipes(self._recipes)
            tree = load_part(files, scope_of(descriptor.name.short), unreadable)
            now = recipe_of_build(tree, files, self._local_state, Platform("linux", "amd64"), descriptor)
            return replace(side, build=replace(side.build, recipe=now)) if now else side
        return side

    @cached_property
    def _local_state(self) -> LocalState:
        from farm.build.local_state import LocalState

        return LocalState(self._settings.state, self._settings.host)

    def _nothing_here(self, what: str) -> Side:
        name = what.partition(" ")[0]
        raise FarmError(
            f"no build of {what} is on this machine",
            remedy=f"`farm build {name}` makes one; {name}@CHANNEL is the build of a subscribed channel.",
            code="no-such-build",
        )
