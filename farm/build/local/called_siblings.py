"""Scripts that call a command of another package of their own recipe, which theirs does not require."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.names.wording import counted
from farm.core.package.facts import PackageFacts
from farm.errors import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.core.plan.job import BuiltPackage
    from farm.store.blobs import BlobStore


def called_siblings(packages: Sequence[BuiltPackage], store: BlobStore) -> Iterator[str]:
    """Yield a sentence about each such package of a build: installed alone, its scripts fail. The store has the facts.

    What scripts call is found in their text, which is no proof: nothing is refused for it.
    """
    makers = {
        capability: package.descriptor.name.short for package in packages for capability in package.descriptor.provides
    }
    for package in packages:
        name, required = package.descriptor.name.short, set(package.descriptor.requires)
        facts = PackageFacts.from_json(store.read(package.facts.digest))
        called = {f"command:{command}" for script in facts.scripts for command in script.commands or ()}
        lacking = sorted(called & makers.keys() - required - set(package.descriptor.provides))
        needed = sorted({makers[capability] for capability in lacking} - {_package(need) for need in required})
        if needed:
            commands = in_words([capability.partition(":")[2] for capability in lacking])
            which = counted(len(facts.scripts), "script")
            yield (
                f"{name}: its {which} may call {commands} of {in_words(needed)}, which it does not require: "
                f"name {'it' if len(needed) == 1 else 'them'} in the `requires` of the output"
            )


def _package(capability: str) -> str:
    return capability.removeprefix("package:").partition("=")[0]
