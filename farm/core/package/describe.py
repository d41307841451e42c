"""Makes a descriptor from what was declared and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.names.declared import HostNeeds
from farm.core.package.capabilities import derive_capabilities
from farm.core.package.descriptor import Descriptor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.core.fileset.manifest import Manifest
    from farm.core.names.declared import Plugin, SensitiveFile
    from farm.core.names.digest import Digest
    from farm.core.names.package_name import PackageName
    from farm.core.names.platform import Platform
    from farm.core.names.version import Version
    from farm.core.package.facts import PackageFacts


def describe(
    *,
    name: PackageName,
    version: Version,
    revision: int,
    platform: Platform,
    manifest: Manifest,
    diff_id: Digest,
    facts: PackageFacts,
    plan: Digest,
    license: str,
    requires: Sequence[str] = (),
    links: Sequence[tuple[str, str]] = (),
    replaces: Sequence[str] = (),
    plugins: Sequence[Plugin] = (),
    host: HostNeeds | None = None,
    sensitive_files: Sequence[SensitiveFile] = (),
) -> Descriptor:
    """Return the descriptor of the package whose tree is `manifest` and whose `facts` were gathered from it.

    `requires`, `links`, `replaces`, `plugins`, `host` and `license` are as the recipe declares them, `sensitive_files`
    those of its declarations that this package has, file by file; `diff_id` is the digest of the canonical archive,
    `plan` of the plan that made it.
    """
    capabilities = derive_capabilities(manifest, facts, links=links, plugins=plugins, requires=requires)
    return Descriptor(
        name=name,
        version=version,
        revision=revision,
        platform=platform,
        tree=manifest.tree_digest,
        diff_id=diff_id,
        facts=facts.digest,
        plan=plan,
        license=license,
        requires=capabilities.requires,
        provides=capabilities.provides,
        links=tuple(links),
        replaces=tuple(replaces),
        plugins=tuple(plugins),
        host=host or HostNeeds(),
        sensitive_files=tuple(sensitive_files),
    )
