"""The provenance of a package, in lines: what was verified on this machine, and what others claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.cli.output import Line, styled
from farm.cli.set_lines import override_lines
from farm.core.names.wording import counted, human_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.client.audit.provenance import Provenance, SignedRelease, TracedDependency, TracedSource
    from farm.client.root.file_owner import FileCheck
    from farm.trust.attestation.provenance import SignedBuild
    from farm.trust.metadata.key_names import KeyNames

_WIDTH = 11
_OPENED = {
    "static": "code of it was linked in",
    "headers": "its headers were read",
    "unknown": "its use was not traced",
}


def provenance_lines(found: Provenance, names: KeyNames) -> list[Line]:
    """Return the lines about one package; `names` are the user's own names of keys."""
    lines: list[Line] = list(_file(found.file, found.label)) if found.file else []
    lines.append(styled(found.label, bold=True))
    lines += override_lines([found.placed] if found.placed else [])
    lines += _part("Verified on this machine, now:", _verified(found, names))
    if found.release:
        lines += _part("Claimed and signed by the builders; not repeated here:", _built(found, names))
        lines += _part("Claimed by the distribution, in documents that the release names:", _declared(found))
    elif found.toolchain:
        lines += _part("Claimed by the build on this host; not signed:", _inputs(found))
    if any(source.kind == "not-in-recipe" for source in found.sources):
        lines += [styled(f"CONTRADICTION: {contradiction}", fg="red") for contradiction in found.contradictions]
    return lines


def _part(heading: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    lines, last = [heading], None
    for name, text in rows:
        lines.append(f"  {'' if name == last else name:<{_WIDTH}} {text}".rstrip())
        last = name
    return lines if len(lines) > 1 else []


def _file(file: FileCheck, label: str) -> Iterator[Line]:
    yield f"{file.asked} is {file.path} of {label}, in generation {file.generation} of {file.root}"
    if file.how:
        yield styled(f"  NOT AS SIGNED: {file.how}", fg="red")
    elif file.digest:
        yield f"  as in the signed manifest: {human_size(file.size)}, {file.digest}"
    else:
        yield "  as in the signed manifest"


def _verified(found: Provenance, names: KeyNames) -> Iterator[tuple[str, str]]:
    files = counted(found.files, "file")
    if found.release is None:
        yield "package", f"{found.descriptor}, with the tree {found.tree} of {files}"
        yield "release", "no release holds this build: only its own digests were compared"
        return
    yield from _release(found.release, names)
    yield "package", f"{found.descriptor}, with the tree {found.tree} of {files}: in this release"
    yield "built by", _agreement(found)
    since = found.release.signers.since if found.release.signers else {}
    for build in found.builds:
        version = since.get(build.run.builder)
        when = f"allowed since version {version} of targets" if version else "allowed now; since when is not known"
        yield "built by", f"{_builder(build, found.release, names)}, {when}"
    yield "recipe", f"{found.recipe}: named by the release and by each of these builders"
    yield "plan", f"{found.plan}: named by the package, and signed by each of these builders"
    pinned = sum(source.is_pinned for source in found.sources)
    if found.sources:
        yield "sources", f"{pinned} of {len(found.sources)} in the plan are pinned by the recipe, with the same digest"


def _release(release: SignedRelease, names: KeyNames) -> Iterator[tuple[str, str]]:
    yield (
        "release",
        f"{release.ref.number} of {release.ref.subscription}, of {release.released_at}, {release.ref.release}",
    )
    if signers := release.signers:
        keys = ", ".join(names.beside(key, key.keyid) for key in signers.keys)
        of = f"{signers.threshold} of the keys {keys}" if len(signers.keys) > 1 else f"the key {keys}"
        yield "signed by", f"{of}, which version {signers.targets} of targets gives to the channel"
    yield "from", f"the root {release.root}, which was pinned on this host"


def _agreement(found: Provenance) -> str:
    count = len(found.builds)
    if count == 1:
        return f"1 builder; {found.needed} {'is' if found.needed == 1 else 'are'} required"
    return f"{count} independent builders with the same tree; {found.needed} required"


def _built(found: Provenance, names: KeyNames) -> Iterator[tuple[str, str]]:
    for build in found.builds:
        runtime = ", ".join(f"{name} {value}" for name, value in sorted(build.run.runtime.items()))
        when = f"from {build.run.started} to {build.run.finished}{f' with {runtime}' if runtime else ''}"
        yield "built", f"by {_builder(build, found.release, names)} {when}, log {build.run.log}"
    taken = found.builds[0].taken_from if found.builds else {}
    yield from _inputs(found)
    for source in found.sources:
        if place := taken.get(source.digest):
            yield "taken from", f"{source.file}: {place}"


def _inputs(found: Provenance) -> Iterator[tuple[str, str]]:
    for source in found.sources:
        yield "from", f"{source.file} {source.digest}"
    if found.toolchain:
        yield "in", f"the toolchain {found.toolchain.tree}"
    for dependency in found.dependencies:
        yield "with", _dependency(dependency)


def _dependency(dependency: TracedDependency) -> str:
    held = (
        f"{dependency.package}, in release {dependency.release.number} of {dependency.release.subscription}"
        if dependency.release
        else ""
    )
    where = held or "in no release that can be fetched"
    opened = "".join(f"; {_OPENED[kind]}" for kind in dependency.opened)
    through = "" if dependency.direct else "; needed by another of these"
    return f"{dependency.name} {dependency.version}, {dependency.tree}: {where}{opened}{through}"


def _declared(found: Provenance) -> Iterator[tuple[str, str]]:
    if found.unread:
        yield "recipe", f"not readable: {found.unread}"
        return
    for source in found.sources:
        yield "source", _address(source)
    if any(source.kind == "fetched" for source in found.sources):
        yield "source", "signatures of their authors are not checked: the digest in the recipe counts"
    if (toolchain := found.toolchain) and toolchain.name:
        lock = toolchain.lock
        made_of = (
            f", made of {len(lock.debs)} Debian packages: {lock.digest}" if lock else "; its packages are not listed"
        )
        yield "toolchain", f"{toolchain.name}{made_of}"


def _address(source: TracedSource) -> str:
    if source.kind == "fetched":
        also = f", or {' or '.join(source.origins)}" if source.origins else ""
        return f"{source.file} is at {source.url}{also}"
    if source.kind == "beside-recipe":
        return f"{source.file} lies beside the recipe"
    if source.kind == "of-toolchain":
        return f"{source.file} is the Debian package {source.package} of the toolchain"
    return f"{source.file} {source.digest} is NOT in the recipe"


def _builder(build: SignedBuild, release: SignedRelease | None, names: KeyNames) -> str:
    known = release.signers.builders if release and release.signers else {}
    return names.beside(known.get(build.run.builder), build.run.builder)
