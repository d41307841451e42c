"""The surgical update of an image: other builds of some packages, proven with their dependents; nothing else changes.

No layer that stays is read. Where the proof fails nothing is made, and the error names what would have to change too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.client.findings.policy_in_force import NO_POLICY, PolicyInForce
from farm.client.findings.static_copies import StaticCopy, copies_in
from farm.client.image.accounting import foreign_layers, layers_of_nobody
from farm.client.image.command import check_still_runs, root_of
from farm.client.image.evidence import ReleaseHead, release_head
from farm.client.image.making import MadeImage, composition_of, imports_in, make_image, replaced_in
from farm.client.image.overrides import ImageOverrides
from farm.client.image.package_set import Described
from farm.client.image.parts import parts_of
from farm.client.image.trial import Trial, nearest_set, try_change
from farm.client.override.overrides import OverrideError
from farm.client.repository.catalogue import UnknownPackageError
from farm.client.repository.earlier_releases import catalogue_with
from farm.client.root.sensitive_additions import sensitive_additions
from farm.core.package.sensitive_files import sensitive_files_of
from farm.core.sets.findings.problem import PathConflict
from farm.core.sets.members.set_record import PackageChange, changes
from farm.errors import FarmError, did_you_mean, in_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from farm.client.image.known_image import KnownImage
    from farm.client.image.parts import ImagePart
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


class UpdateRefusedError(FarmError):
    """The proof of an update failed.

    `problems` are the reasons; `also` are the packages whose additional update makes the proof hold, None where none
    does.
    """

    code = "update-refused"

    def __init__(self, changed: Sequence[str], problems: Sequence[Problem], also: tuple[str, ...] | None) -> None:
        lines = in_lines([problem.message for problem in problems], 20)
        remedy = "No newer build of what is named goes with it: wait for one, or let it through with --override WHY."
        # No root can be made from packages in conflict, whatever reason is given.
        if any(isinstance(problem, PathConflict) for problem in problems):
            remedy = (
                "No newer build of what is named goes with it: wait for one, or make the image without one of them."
            )
        if also:
            remedy = f"It holds with {' and '.join(also)} of the same release: name {_them(also)} too."
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
    sensitive: tuple[SensitiveAdditions, ...] = ()

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

    @property
    def channel(self) -> str:
        """The subscription of the release."""
        return self.catalogue.release.subscription


def replace_builds(
    host: Host,
    image: KnownImage,
    names: Sequence[str],
    own: OwnFiles | None,
    *,
    to: str = NEWEST,
    channel: str = "",
    policy: PolicyInForce = NO_POLICY,
    substitute: Substitute | None = None,
    override: str = "",
) -> ImageUpdate | None:
    """Replace the builds of `names` in an image; None where it already has the requested ones.

    `to` is a version, or `newest`; `own` the user's own files of the image. `policy` decides what may be added.
    `substitute` returns the replacement of a package of a release; `override` is the reason to accept the named
    packages although the proof fails because of them, or the image loses the program it runs. Raises `not-in-image`,
    `foreign-layers`, `foreign-settings`, `no-such-command`, `no-such-version`, `UpdateRefusedError`, `OverrideError`,
    `RefusedByPolicyError`, `DownloadError`, what verifying raises, and what `make_image` raises.
    """
    substitute = substitute or _none
    releases = image.record.releases
    described = Described(host, channel=channel or (releases[0].subscription if releases else ""))
    held = {part.member.name: part for part in described.parts(image)}
    new, named = _replacements(host, image, names, described, held, to=to, substitute=substitute)
    if not new:
        return None
    _check_unchanged(image, foreign_layers(host, image, described, tuple(held.values()), own))
    base = [part.member for part in held.values()]
    asked = [_known_as(held, name) for name in image.record.asked]
    added = [each.part.member for each in new.values()]
    trial = try_change(base, added, asked)
    overrides = ImageOverrides.of(trial, held, {name: each.part for name, each in new.items()}, named, override)
    if refused := overrides.refused(trial):
        also = nearest_set(base, added, asked, lambda name: _newer(described, held, name))
        labels = [each.part.member.label for each in new.values()]
        raise UpdateRefusedError(labels, refused, also)
    now = {name: new[name].part if name in new else held[name] for name in trial.members}
    copies = tuple(_copies(described, now, new))
    own_channels = {ref.subscription for ref in releases} | {each.channel for each in new.values()}
    void = overrides.voided(trial.members, copies, own_channels)
    if all(_is_same(held, name, each.part) and void.get(name) == held[name].override for name, each in new.items()):
        return None
    now |= {name: replace(now[name], override=placed if placed.is_override else None) for name, placed in void.items()}
    for name, each in new.items():
        placed = void.get(name)
        if placed is None or not placed.is_override:
            placed = None if each.part.channel else each.part.placed  # packed here: belongs to no release
        policy.check(host, each.catalogue, [replace(each.package, placed=placed)])
        described.ensure(each.part.placed, each.part.archive)

    def composed(composition: Composition) -> None:
        if not override:
            after = root_of(now.values(), composition, own)
            check_still_runs(image.config, lambda: _root_before(image, tuple(held.values()), own), after)

    made = _made(host, image, now, new=new, trial=trial, own=own, copies=copies, composed=composed)
    return replace(made, sensitive=tuple(_sensitive(held, now, new)))


def _check_unchanged(image: KnownImage, foreign: Sequence[tuple[Digest, str]]) -> None:
    """Refuse an image with layers or settings of other tools, which an update would drop."""
    if foreign:
        said = [f"{' '.join(holds.split())[:200] or 'nothing is said of it'} ({diff_id})" for diff_id, holds in foreign]
        count = layers_of_nobody(len(foreign))
        raise FarmError(
            f"{image.name[:200]} has {count}, and an update would remove:{in_lines(said, 20)}",
            remedy="Nothing was changed. Where a Dockerfile added that, update the image that it is built FROM, and "
            "build it again; or make the image anew with `files:` in an image file.",
            code="foreign-layers",
        )
    if image.unkept:
        raise FarmError(
            f"{image.name[:200]} says {' and '.join(image.unkept)}, which an update would drop",
            remedy="Nothing was changed. Where a Dockerfile says that, update the image that it is built FROM, and "
            "build it again.",
            code="foreign-settings",
        )


def _sensitive(
    held: Mapping[str, ImagePart], now: Mapping[str, ImagePart], new: Iterable[str]
) -> Iterator[SensitiveAdditions]:
    for name in sorted(set(new) & now.keys()):
        old, part = held.get(name), now[name]
        known = sensitive_files_of(old.descriptor, old.manifest, old.facts) if old else ()
        yield from sensitive_additions(part.descriptor, part.manifest, part.facts, known)


def _root_before(image: KnownImage, parts: Sequence[ImagePart], own: OwnFiles | None) -> RootView:
    return root_of(parts, composition_of(parts, own, replaced_in(image.labels), imports_in(image.labels)), own)


def _replacements(
    host: Host,
    image: KnownImage,
    names: Sequence[str],
    described: Described,
    held: Mapping[str, ImagePart],
    *,
    to: str,
    substitute: Substitute,
) -> tuple[dict[str, _Replacement], set[str]]:
    """Return the replacements by the names of members, and the requested names. Raises as `replace_builds`."""
    new: dict[str, _Replacement] = {}
    named: set[str] = set()
    for name in names:
        placed = image.record.package(name)
        if placed is None:
            held_names = sorted(package.name.short for package in image.record.packages)
            raise FarmError(
                f"{image.name} holds no package {name}",
                remedy=did_you_mean(name, held_names, f"It holds {', '.join(held_names)}."),
                code="not-in-image",
            )
        # An override may belong to no channel, or to one that the image's other packages do not come from.
        catalogue = described.catalogue(replace(placed, channel="") if placed.is_override else placed)
        known_as = _seat(catalogue, placed)
        named.add(known_as)
        if to != NEWEST:
            if substitute(catalogue, known_as):
                raise OverrideError(
                    f"{name} is overridden or packed on this host, in one version",
                    remedy="Leave --to away, or remove the override.",
                )
            catalogue = catalogue_with(host, catalogue, known_as, to)
        new |= _build(catalogue, known_as, held, substitute)
    return new, named


def _is_same(held: Mapping[str, ImagePart], name: str, part: ImagePart) -> bool:
    return name in held and held[name].descriptor.digest == part.descriptor.digest


def _made(
    host: Host,
    image: KnownImage,
    now: Mapping[str, ImagePart],
    *,
    new: Mapping[str, _Replacement],
    trial: Trial,
    own: OwnFiles | None,
    copies: tuple[StaticCopy, ...],
    composed: Callable[[Composition], None],
) -> ImageUpdate:
    parts = tuple(now[name] for name in sorted(now))
    heads = {each.catalogue.release.digest: release_head(each.catalogue) for each in new.values()}
    newest = next(iter(new.values())).catalogue
    entries = {name: _descriptor_in(newest, name) for name in now}
    whole = all(entries[name] == part.descriptor.digest for name, part in now.items())
    made = make_image(
        parts,
        image.config,
        host.blobs,
        asked=image.record.asked,
        # Releases from which nothing is left in the image are no longer recorded.
        releases=[*(() if whole else image.record.releases), *(head.ref for head in heads.values())],
        own=own,
        replaces=replaced_in(image.labels),
        imports=imports_in(image.labels),
        known=image.kept.image.layers if image.kept else (),
        composed=composed,
    )
    released = {name for name, part in now.items() if entries[name] == part.descriptor.digest}
    overrides = {name: part.override for name, part in now.items() if part.override}
    void = {
        *overrides,
        *(name for override in overrides.values() if override.void for name in override.void.dependents),
    }
    return ImageUpdate(
        made=made,
        parts=parts,
        heads=tuple(heads.values()),
        changes=changes(image.record, made.record),
        trial=trial,
        together=tuple(name for name in trial.dependents if name in released - void),
        apart=tuple(name for name in trial.dependents if name not in released),
        copies=copies,
        brought=tuple(sorted(new.keys() & (released - void))),
    )


def _build(
    catalogue: Catalogue, name: str, held: Mapping[str, ImagePart], substitute: Substitute
) -> dict[str, _Replacement]:
    """Return a release's build of a package, or its replacement, with the needs that the image lacks.

    Empty where the image already has the build.
    """
    found: dict[str, _Replacement] = {}
    waiting = [name]
    while waiting:
        each = waiting.pop()
        package = substitute(catalogue, each) or catalogue.checked(each)[0]
        if package.name != each:
            raise OverrideError(
                f"{package.name} replaces {each}, which has another name: an image cannot be updated so",
                remedy="Make the image anew with `farm image build`.",
            )
        (part,) = parts_of(catalogue, [package])
        # A build that was accepted although the proof failed may be an ordinary package by now.
        if _is_same(held, each, part) and not (held[each].override and package.placed is None):
            continue
        found[each] = _Replacement(package, part, catalogue)
        lacking = [need for need in package.entry.needs if need not in held and need not in found]
        # A replacement may need what the release lacks: the proof finds it missing.
        waiting += [need for need in lacking if package.placed is None or catalogue.holds(need)]
    return found


def _newer(described: Described, held: Mapping[str, ImagePart], name: str) -> Iterable[Member]:
    """Return the newest release's build of a package, with the needs that the image lacks; empty if unchanged."""
    if name not in held:
        return ()
    try:
        found = _build(described.catalogue(held[name].placed), name, held, _none)
        return [each.part.member for each in found.values() if not _is_same(held, name, each.part)]
    except UnknownPackageError:
        return ()


def _none(_catalogue: Catalogue, _name: str) -> None:
    return None


def _seat(catalogue: Catalogue, placed: PlacedPackage) -> str:
    """Return the channel's name for a package or, for an override, the name of the package it replaces."""
    if placed.is_override:
        return placed.void.instead_of.partition(" ")[0] if placed.void else placed.name.short
    return catalogue.known_as(str(placed.name))


def _descriptor_in(catalogue: Catalogue, name: str) -> str:
    try:
        return catalogue.entry(name).descriptor.digest
    except UnknownPackageError:  # the release has no such package: it comes from another release, or is an override
        return ""


def _known_as(held: Mapping[str, ImagePart], asked: str) -> str:
    """Return the name by which the set knows a package that was requested by its short or full name."""
    if asked in held:
        return asked
    return next((name for name, part in held.items() if str(part.descriptor.name) == asked), asked)


def _copies(
    described: Described, now: Mapping[str, ImagePart], new: Mapping[str, _Replacement]
) -> Iterable[StaticCopy]:
    for name, part in sorted(now.items()):
        if part.provenance is None or name in new:
            continue
        content = described.document(part.placed, part.provenance)
        for each in new.values():
            library = each.part.descriptor
            yield from copies_in(part.member.label, content, library.name, library.tree)


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
