"""From a recipe to a plan: every open name in the recipe is replaced by the digest that it stands for now.

The caller resolves the names; this module only inserts the digests, and checks that none is missing.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from farm.core.names.package_name import PackageName
from farm.core.plan.job import SourceOrigin
from farm.core.plan.plan import Plan, PlannedSource
from farm.core.recipe.flags import with_flags
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.core.names.platform import Platform
    from farm.core.plan.plan import PlannedDependency
    from farm.core.recipe.recipe import Recipe, Source
    from farm.core.recipe.toolchain import ToolchainLock


def pin(
    recipe: Recipe,
    *,
    distribution: str,
    platform: Platform,
    toolchain: Digest,
    toolchain_debs: Mapping[str, Digest],
    dependencies: Sequence[PlannedDependency],
) -> Plan:
    """Make the plan of `recipe` inside `distribution` (its DNS name).

    `toolchain` is the tree digest of its root, `toolchain_debs` maps the Debian packages of its lock to the digests
    of their files. `dependencies` is the closure of the build-needs, in any order, each build-need marked direct.
    Raises `InvalidPlanError`, and `FarmError` (`unpinned-dependency`, `unknown-toolchain-package`).
    """
    wanted = {PackageName.parse(need, within=distribution) for need in recipe.build_needs}
    direct = {dependency.name for dependency in dependencies if dependency.direct}
    if wanted != direct:
        missing, unneeded = sorted(map(str, wanted - direct)), sorted(map(str, direct - wanted))
        parts = [f"no build of {', '.join(missing)}"] if missing else []
        parts += [f"{', '.join(unneeded)}, which it does not need"] if unneeded else []
        remedy = f"Build {', '.join(missing)} first." if missing else ""
        message = f"the plan of {recipe.name} was given {' and '.join(parts)}"
        raise FarmError(message, remedy=remedy, code="unpinned-dependency")
    return Plan(
        name=PackageName(distribution, recipe.name),
        version=recipe.version,
        revision=recipe.revision,
        platform=platform,
        toolchain=toolchain,
        sources=tuple(
            PlannedSource(source.file, _digest(recipe, source, toolchain_debs), source.unpack, source.patch)
            for source in recipe.sources
        ),
        dependencies=tuple(dependencies),
        steps=recipe.steps,
        outputs=recipe.outputs,
        links=recipe.links,
        replaces=recipe.replaces,
        plugins=recipe.plugins,
        sensitive_files=recipe.sensitive_files,
        host=recipe.host,
        requires=recipe.requires,
        license=recipe.license,
        shadows=recipe.shadows,
        environment=with_flags(recipe.flags, recipe.environment, platform),
        source_epoch=recipe.source_epoch,
    )


def source_origins(
    recipe: Recipe, toolchain_debs: Mapping[str, Digest], lock: ToolchainLock | None = None
) -> tuple[SourceOrigin, ...]:
    """Return where each source may be fetched, by its pinned digest.

    Carried sources, which the plan does not name, follow. `lock`, where it is known, gives the version of each Debian
    package. Raises `FarmError`.
    """
    called = {deb.name: deb.reference for deb in lock.debs} if lock else {}
    wanted = [
        SourceOrigin(
            _digest(recipe, source, toolchain_debs),
            source.url,
            source.origins,
            called.get(source.debian_package, source.debian_package),
        )
        for source in recipe.sources
    ]
    return (*wanted, *(SourceOrigin(source.digest, source.url, source.origins) for source in recipe.carried))


def _digest(recipe: Recipe, source: Source, debs: Mapping[str, Digest]) -> Digest:
    digest = debs.get(source.debian_package) if source.debian_package else source.digest
    if digest is None:
        package = source.debian_package or source.file
        nearest = get_close_matches(package, sorted(debs), n=3)
        hint = f"The lock has {', '.join(nearest)}. " if nearest else ""
        raise FarmError(
            f"{recipe.name}: the toolchain has no Debian package {package!r} to take files from",
            remedy=f"{hint}Name a package of the toolchain, or add it to the toolchain and lock it again.",
            code="unknown-toolchain-package",
        )
    return digest
