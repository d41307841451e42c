"""The addresses of a plan's sources, as its recipe declares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.plan.sbom import SourceAddress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.names.digest import Digest
    from farm.core.plan.plan import Plan
    from farm.core.recipe.recipe import Recipe
    from farm.core.recipe.toolchain import ToolchainLock


def source_addresses(plan: Plan, recipe: Recipe, lock: ToolchainLock | None) -> Mapping[Digest, SourceAddress]:
    """Return the addresses of sources, by digest. `lock` gives the version of a Debian package of the toolchain."""
    called = {deb.name: deb.reference for deb in lock.debs} if lock else {}
    by_file = {
        source.file: SourceAddress(source.url, called.get(source.debian_package, source.debian_package))
        for source in recipe.sources
    }
    return {source.digest: by_file[source.file] for source in plan.sources if source.file in by_file}
