"""The surgical update of an image: other builds of some packages, proven with their dependents; nothing else changes.

No layer that stays is read. Where the proof fails nothing is made, and the error names what would have to change too.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.client.findings.policy_in_force import NO_POLICY, PolicyInForce
from farm.client.findings.static_copies import StaticCopy, copies_in
from farm.client.image.accounting import foreign_layers, foreign_lines
from farm.client.image.command import check_still_runs, root_of
from farm.client.image.evidence import ReleaseHead, release_head
from farm.client.image.making import MadeImage, composition_of, imports_in, make_image, replaced_in
from farm.client.image.overrides import ImageOverrides
from farm.client.image.package_set import PackageDescriptions, parts_of
from farm.client.image.trial import Trial, nearest_set, try_change
from farm.client.override.overrides import OverrideError
from farm.client.override.substitution import substitute_on
from farm.client.repository.catalogue import UnknownPackageError
from farm.client.repository.earlier_releases import catalogue_with
from farm.client.root.sensitive_additions import sensitive_additions
from farm.core.package.sensitive_files import sensitive_files_of
from farm.core.sets.findings.problem import PathConflict
from farm.core.sets.members.set_record import PackageChange, changes
from farm.errors import FarmError, did_you_mean, in_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from farm.client.image.known_image import KnownImage
    from farm.client.image.package_set import ImagePart
    from farm.client.override.substitution import Substitute
    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.client.root.sensitive_additions import SensitiveAdditions
    from farm.core.names.digest import Digest
    from farm.core.sets.composition.compose import Composition
    from farm.core.sets.composition.root_view import RootView
    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member
    from farm.core.sets.members.set_record import PlacedPackage, ReleaseRef
    from farm.oci.own_files import OwnFiles

NEWEST = "newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRequest:
    """Other builds of `packages` for `image`, which is a name in Docker, a digest, or an OCI layout directory.

    `to` is a version; `override` is the reason to accept them although the proof fails because of them. `tag` is the
    name of the new image (empty: that of the old one); `output` a directory for it as an OCI layout. With `load` it is
    loaded into the engine at `docker` (empty: the machine's own), where the old one is not a layout.
    """

    image: str
    packages: tuple[str, ...]
    to: str = NEWEST
    override: str = ""
    tag: str = ""
    output: Path | None = None
    channel: str = ""
    policy: PolicyInForce = NO_POLICY
    docker: str = ""
    load: bool = True


class UpdateRefusedError(FarmError):
    """The proof of an update failed.

    `problems` are the reasons; `also` are the packages whose additional update makes the proof hold, None where none
    does.
    """

    code = "update-refused"

    def __init__(self, changed: Sequence[str], problems: Sequence[Problem], also: tuple[str, ...] | None) -> None:
        lines = in_lines([problem.message for problem in problems], 20)
        remedy = (
            "No newer builds of the packages named above are compatible: wait for them, or update anyway with "
            "--override WHY."
        )
        # No root can be made from packages in conflict, whatever reason is given.
        if any(isinstance(problem, PathConflict) for problem in problems):
            remedy = (
                "No newer builds of the packages named above are compatible: wait for them, or build the image "
                "without one of them."
            )
        if also:
            them = "it" if len(also) == 1 else "them"
            remedy = f"The proof passes with {' and '.join(also)} of the same release: name {them} too."
        super().__init__(
            f"{', '.join(changed)} cannot go into the image:{lines}", remedy=f"Nothing was changed. {remedy}"
        )
        self.problems = tuple(problems)
        self.also = also


@dataclass(frozen=True, slots=True)
class ImageUpdate:
    """The outcome of an update: the image, what changed, and what was proven.

    `release` is the release of the new builds; `together` are dependents whose exact builds that release holds too,
    `apart` those of which it holds another build; `brought` are the added packages as that release holds them. Packages
    that an override affects are neither in `together` nor in `brought`. `copies` still hold code of the old builds.
    `sensitive` are sensitive files that the update adds.
    """

    made: MadeImage
    parts: tuple[ImagePart, ...]
    heads: tuple[ReleaseHead, ...]
    changes: tuple[PackageChange, ...]
    trial: Trial
    together: tuple[str, ...]
    apart: tuple[str, ...]
    copies: tuple[StaticCopy, ...]
    brought: tuple[str, ...]
    sensitive: tuple[SensitiveAdditions, ...]

    @property
    def release(self) -> ReleaseRef:
        """The newest release that something was taken from."""
        return max(head.ref for head in self.heads)


@dataclass(frozen=True, slots=True)
class _Replacement:
    """A replacement build, and the release it comes from."""

    package: VerifiedPackage
    part: ImagePart
    catalogue: Catalogue


def replace_builds(host: Host, image: KnownImage, request: UpdateRequest, own: OwnFiles | None) -> ImageUpdate | None:
    """Replace the builds of packages in an image; None where it already has the requested ones.

    `own` are the user's own files of the image. Raises `not-in-image`, `foreign-layers`, `foreign-settings`,
    `no-such-command`, `no-such-version`, `UpdateRefusedError`, `OverrideError`, `RefusedByPolicyError`,
    `DownloadError`, what verifying raises, and what `make_image` raises.
    """
    builds = _Builds(host, image, request)
    held, new = builds.held, builds.new
    if not new:
        return None
    before = tuple(held.values())
    _check_unchanged(image, foreign_layers(host, image, builds.described, before, own))
    trial, overrides = _proven(builds, image, request.override)
    now = {name: new[name].part if name in new else held[name] for name in trial.members}
    copies = tuple(builds.copies(now))
    placed = overrides.placed_in(trial.members, copies, builds.channels(image))
    if all(builds.holds(name, build.part) and placed.get(name) == held[name].override for name, build in new.items()):
        return None
    now |= {name: replace(now[name], override=found if found.is_override else None) for name, found in placed.items()}
    _fetch(host, builds, placed, request.policy)

    def root_before() -> RootView:
        old = composition_of(before, own, replaced_in(image.labels), imports_in(image.labels))
        return root_of(before, old, own)

    def check_start(composition: Composition) -> None:
        if not request.override:
            check_still_runs(image.config, root_before, root_of(now.values(), composition, own))

    return _made(host, image, builds, now, trial=trial, own=own, copies=copies, check_start=check_start)


class _Builds:
    """The packages that an image holds, and the builds that are to replace them, by the names of its members.

    `named` are the members that the request names; the others are needed by those.
    """

    def __init__(self, host: Host, image: KnownImage, request: UpdateRequest) -> None:
        releases = image.record.releases
        channel = request.channel or (releases[0].subscription if releases else "")
        self.described = PackageDescriptions(host, channel=channel)
        self.held = {part.member.name: part for part in self.described.parts(image)}
        self.new: dict[str, _Replacement] = {}
        self.named: set[str] = set()
        substitute = substitute_on(host)
        for name in request.packages:
            catalogue, member = self._release_for(image, name)
            self.named.add(member)
            if request.to != NEWEST:
                if substitute(catalogue, member):
                    raise OverrideError(
                        f"{name} is overridden or packed on this host, in one version",
                        remedy="Leave --to out, or remove the override.",
                    )
                catalogue = catalogue_with(host, catalogue, member, request.to)
            self.new |= self._build(catalogue, member, substitute)

    def _release_for(self, image: KnownImage, name: str) -> tuple[Catalogue, str]:
        """Return the newest release that has a package of an image, and the name by which the release knows it."""
        placed = image.record.package(name)
        if placed is None:
            names = sorted(package.name.short for package in image.record.packages)
            raise FarmError(
                f"{image.name} holds no package {name}",
                remedy=did_you_mean(name, names, f"It holds {', '.join(names)}."),
                code="not-in-image",
            )
        if not placed.is_override:
            catalogue = self.described.catalogue(placed)
            return catalogue, catalogue.known_as(str(placed.name))
        # An override may belong to no channel, or to one that the image's other packages do not come from.
        replaced = placed.broken.instead_of.partition(" ")[0] if placed.broken else placed.name.short
        return self.described.catalogue(replace(placed, channel="")), replaced

    def _build(self, catalogue: Catalogue, name: str, substitute: Substitute) -> dict[str, _Replacement]:
        """Return a release's build of a package, or its substitute, with the needs that the image lacks.

        Empty where the image already has the build.
        """
        found: dict[str, _Replacement] = {}
        waiting = [name]
        while waiting:
            member = waiting.pop()
            package = substitute(catalogue, member) or catalogue.checked(member)[0]
            if package.name != member:
                raise OverrideError(
                    f"{package.name} replaces {member}, which has another name: an image cannot be updated so",
                    remedy="Build the image again with `farm image build`.",
                )
            (part,) = parts_of(catalogue, [package])
            # A build that was accepted although the proof failed may be an ordinary package by now.
            if self.holds(member, part) and not (self.held[member].override and package.placed is None):
                continue
            found[member] = _Replacement(package, part, catalogue)
            lacking = [need for need in package.entry.needs if need not in self.held and need not in found]
            # A substitute may need what the release lacks: the proof finds it missing.
            waiting += [need for need in lacking if package.placed is None or catalogue.holds(need)]
        return found

    def holds(self, name: str, part: ImagePart) -> bool:
        """Return whether the image has exactly this build of a member."""
        return name in self.held and self.held[name].descriptor.digest == part.descriptor.digest

    def newest(self, name: str) -> Iterable[Member]:
        """Return the newest release's build of a package, with the needs that the image lacks; empty if unchanged."""
        if name not in self.held:
            return ()
        try:
            catalogue = self.described.catalogue(self.held[name].placed)
            found = self._build(catalogue, name, lambda _catalogue, _name: None)
        except UnknownPackageError:
            return ()
        return [build.part.member for build in found.values() if not self.holds(name, build.part)]

    def channels(self, image: KnownImage) -> set[str]:
        """Return the subscriptions that the packages of the updated image come from."""
        added = {build.catalogue.release.subscription for build in self.new.values()}
        return added | {release.subscription for release in image.record.releases}

    def released(self, now: Mapping[str, ImagePart]) -> set[str]:
        """Return the members of which the release of the first replacement holds exactly this build."""
        catalogue, found = next(iter(self.new.values())).catalogue, set()
        for name, part in now.items():
            # Where the release has no such package, it comes from another release, or is an override.
            with suppress(UnknownPackageError):
                if catalogue.entry(name).descriptor.digest == part.descriptor.digest:
                    found.add(name)
        return found

    def copies(self, now: Mapping[str, ImagePart]) -> Iterator[StaticCopy]:
        """Yield the code of replaced builds in packages that stay."""
        for name, part in sorted(now.items()):
            if part.provenance is None or name in self.new:
                continue
            content = self.described.document(part.placed, part.provenance)
            for build in self.new.values():
                library = build.part.descriptor
                yield from copies_in(part.member.label, content, library.name, library.tree)

    def sensitive(self, now: Mapping[str, ImagePart]) -> Iterator[SensitiveAdditions]:
        """Yield the sensitive files that the replacements add."""
        for name in sorted(self.new.keys() & now.keys()):
            old, part = self.held.get(name), now[name]
            known = sensitive_files_of(old.descriptor, old.manifest, old.facts) if old else ()
            yield from sensitive_additions(part.descriptor, part.manifest, part.facts, known)


def _check_unchanged(image: KnownImage, foreign: Sequence[tuple[Digest, str]]) -> None:
    """Refuse an image with layers or settings of other tools, which an update would drop."""
    if foreign:
        count, *lines = foreign_lines(foreign)
        raise FarmError(
            f"{image.name[:200]} has {count}, and an update would remove:{in_lines(lines, 20)}",
            remedy="Nothing was changed. Where a Dockerfile added that, update the image that it is built FROM, and "
            "build it again; or build the image again with `files:` in an image file.",
            code="foreign-layers",
        )
    if image.unkept:
        raise FarmError(
            f"{image.name[:200]} says {' and '.join(image.unkept)}, which an update would drop",
            remedy="Nothing was changed. Where a Dockerfile says that, update the image that it is built FROM, and "
            "build it again.",
            code="foreign-settings",
        )


def _proven(builds: _Builds, image: KnownImage, why: str) -> tuple[Trial, ImageOverrides]:
    """Prove the replacements with their dependents. `why` is the reason to accept problems; empty accepts none.

    Raises `UpdateRefusedError`.
    """
    base = [part.member for part in builds.held.values()]
    added = [build.part.member for build in builds.new.values()]
    names = {str(part.descriptor.name): name for name, part in builds.held.items()}
    asked = [name if name in builds.held else names.get(name, name) for name in image.record.asked]
    trial = try_change(base, added, asked)
    parts = {name: build.part for name, build in builds.new.items()}
    overrides = ImageOverrides.of(trial, builds.held, parts, builds.named, why)
    if refused := overrides.refused(trial):
        also = nearest_set(base, added, asked, builds.newest)
        raise UpdateRefusedError([member.label for member in added], refused, also)
    return trial, overrides


def _fetch(host: Host, builds: _Builds, placed: Mapping[str, PlacedPackage], policy: PolicyInForce) -> None:
    """Fetch the replacements that a policy accepts. `placed` are the overrides, as the new set records them."""
    for name, build in builds.new.items():
        override = placed.get(name)
        if override is None or not override.is_override:
            override = None if build.part.channel else build.part.placed  # packed here: belongs to no release
        policy.check(host, build.catalogue, [replace(build.package, placed=override)])
        builds.described.ensure(build.part.placed, build.part.archive)


def _made(
    host: Host,
    image: KnownImage,
    builds: _Builds,
    now: Mapping[str, ImagePart],
    *,
    trial: Trial,
    own: OwnFiles | None,
    copies: tuple[StaticCopy, ...],
    check_start: Callable[[Composition], None],
) -> ImageUpdate:
    parts = tuple(now[name] for name in sorted(now))
    heads = {build.catalogue.release.digest: release_head(build.catalogue) for build in builds.new.values()}
    released = builds.released(now)
    # Releases from which nothing is left in the image are no longer recorded.
    kept = () if released == now.keys() else image.record.releases
    made = make_image(
        parts,
        image.config,
        host.blobs,
        asked=image.record.asked,
        releases=[*kept, *(head.ref for head in heads.values())],
        own=own,
        replaces=replaced_in(image.labels),
        imports=imports_in(image.labels),
        known=image.kept.image.layers if image.kept else (),
        composed=check_start,
    )
    overridden = {name for name, part in now.items() if part.override}
    overridden.update(*(part.override.broken.dependents for part in parts if part.override and part.override.broken))
    return ImageUpdate(
        made=made,
        parts=parts,
        heads=tuple(heads.values()),
        changes=changes(image.record, made.record),
        trial=trial,
        together=tuple(name for name in trial.dependents if name in released - overridden),
        apart=tuple(name for name in trial.dependents if name not in released),
        copies=copies,
        brought=tuple(sorted(builds.new.keys() & (released - overridden))),
        sensitive=tuple(builds.sensitive(now)),
    )
