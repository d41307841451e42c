"""What users of rattler-build do, in a process of its own, without the farm: `rattler_recipe.py RECIPE CHANNEL`.

Builds a recipe, runs its tests, and puts the package into the channel, a directory, which has what the recipe needs.
Prints the seconds of processor time that it and its children have used.
"""

from __future__ import annotations

import resource
import sys

from rattler_build import (  # type: ignore[import-not-found]  # installed for the peer alone
    Stage0Recipe,
    ToolConfiguration,
    VariantConfig,
)


def build(recipe: str, channel: str) -> None:
    """Build and test a recipe."""
    for variant in Stage0Recipe.from_file(recipe).render(VariantConfig()):
        variant.run_build(
            tool_config=ToolConfiguration(test_strategy="native"), output_dir=channel, channels=[f"file://{channel}"]
        )


if __name__ == "__main__":
    build(*sys.argv[1:])
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(sum(usage.ru_utime + usage.ru_stime for usage in used))
