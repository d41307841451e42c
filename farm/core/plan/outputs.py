"""The packages that a plan builds and their descriptors: one rule for worker, farm and checker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Directory
from farm.core.names.declared import HostNeeds
from farm.core.names.package_name import PackageName
from farm.core.package.describe import describe
from farm.core.package.layout import UNASKED, package_name
from farm.core.package.path_glob import matches
from farm.core.package.sensitive_files import declared_of, find_sensitive_files

if TYPE_CHECKING:
    from farm.core.fileset.manifest import Manifest
    from farm.core.names.digest import Digest
    from farm.core.package.descriptor import Descriptor
    from farm.core.package.facts import PackageFacts
    from farm.core.plan.plan import Plan


def output_names(plan: Plan) -> dict[str, str]:
    """Return the outputs that a plan may have, by the short names of their packages; the main one is empty."""
    outputs = ("", *(output.name for output in plan.outputs), *UNASKED)
    return {package_name(plan.name.short, output): output for output in outputs}


def describe_output(plan: Plan, output: str, manifest: Manifest, facts: PackageFacts, diff_id: Digest) -> Descriptor:
    """Return the descriptor of the package that was built as `output` of a plan, from the content of its archive.

    A recipe's declarations about its package apply to the main output, but links and plugins go with their files, and
    each output may declare what it requires.
    """
    name = PackageName(plan.name.distribution, package_name(plan.name.short, output))
    main = output == ""
    links = tuple((link, path) for link, path in plan.links if path in manifest.by_path)
    found = find_sensitive_files(manifest, facts.elf, links, manifest.store_path(name.short, str(plan.version)))
    return describe(
        name=name,
        version=plan.version,
        revision=plan.revision,
        platform=plan.platform,
        manifest=manifest,
        diff_id=diff_id,
        facts=facts,
        plan=plan.digest,
        license=plan.license,
        requires=plan.requires if main else next((own.requires for own in plan.outputs if own.name == output), ()),
        replaces=plan.replaces if main else (),
        host=plan.host if main else HostNeeds(),
        links=links,
        plugins=tuple(plugin for plugin in plan.plugins if _has(manifest, plugin.path)),
        sensitive_files=declared_of(found, plan.sensitive_files),
    )


def differing_fields(wanted: Descriptor, found: Descriptor) -> list[tuple[str, str, str]]:
    """Return the members in which two descriptors differ: name, wanted and found value."""
    expected, other = wanted.to_dict(), found.to_dict()
    names = sorted({name for name in {*expected, *other} if expected.get(name) != other.get(name)} - {"format"})
    return [(name, str(expected.get(name)), str(other.get(name))) for name in names]


def _has(manifest: Manifest, pattern: str) -> bool:
    return any(matches(pattern, entry.path) for entry in manifest.entries if not isinstance(entry, Directory))
