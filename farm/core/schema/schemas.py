"""The schemas by the kind of file: each reader reads its samples, and what it expects of them is the schema."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from farm.core.policy.channel_reading import read_channel
from farm.core.policy.curators import read_curators
from farm.core.recipe.distributions import read_distribution, read_distributions
from farm.core.recipe.load import load_recipe
from farm.core.recipe.steps import read_step
from farm.core.recipe.toolchain import read_toolchain
from farm.core.schema import samples
from farm.core.schema.names import RECIPE, file_name
from farm.core.schema.observation import JsonSchema, Observation, merged
from farm.core.schema.recipe_samples import BESIDE, recipe_samples
from farm.core.subscriber.image_file import read_image_file
from farm.core.subscriber.policy_file import read_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from farm.core.recipe.steps import StepLibrary

    Read: TypeAlias = Callable[..., Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class FileKind(NamedTuple):
    """A kind of file that people write: its title, its reader, and samples that together show all of it."""

    title: str
    read: Read
    samples: tuple[str, ...]


KINDS = {
    "channel": FileKind("Policy of a channel of farm", read_channel, samples.CHANNEL),
    "curators": FileKind("Curators of a distribution of farm", read_curators, samples.CURATORS),
    "distribution": FileKind("Distribution of farm", read_distribution, samples.DISTRIBUTION),
    "distributions": FileKind(
        "Other distributions that farm imports packages from", read_distributions, samples.DISTRIBUTIONS
    ),
    "image": FileKind("Image file of farm", read_image_file, samples.IMAGE),
    "policy": FileKind("Policy of a subscriber of farm", read_policy, samples.POLICY),
    "steps": FileKind("Step definition of farm", read_step, samples.STEP),
    "toolchain": FileKind("Toolchain of farm", read_toolchain, samples.TOOLCHAIN),
}


def schema_of(kind: str) -> JsonSchema:
    """Return the schema of a kind of file other than recipes; raises `KeyError`."""
    return _schema(kind, KINDS[kind])


def recipe_schema(steps: StepLibrary, toolchains: Collection[str]) -> JsonSchema:
    """Return the schema of the recipes of a tree with these steps and toolchains."""
    read = partial(load_recipe, steps=steps, patches=BESIDE, toolchains=toolchains or None)
    return _schema(RECIPE, FileKind("Recipe of farm", read, recipe_samples(steps, toolchains)))


def _schema(kind: str, file: FileKind) -> JsonSchema:
    def observed(sample: str) -> JsonSchema:
        observation = Observation(sample)
        file.read(sample.encode(), file="sample.yaml", observe=observation)
        return observation.schema()

    return {"$schema": DIALECT, "$id": file_name(kind), "title": file.title, **merged(map(observed, file.samples))}
