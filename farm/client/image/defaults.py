"""How an image runs where nobody has said it: one rule for `farm image build` and for the farm's registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.oci.image_config import ImageConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.names.platform import Platform

NOBODY = "65534:65534"


def default_command(names: Iterable[str]) -> tuple[str, ...]:
    """Return what runs in an image of these packages: of several an order would have to decide, so nothing does."""
    asked = tuple(set(names))
    return asked if len(asked) == 1 else ()


def plain_config(platform: Platform, names: Iterable[str]) -> ImageConfig:
    """Return the configuration of an image of which nothing but the names of packages was said."""
    return ImageConfig(platform, command=default_command(names), user=NOBODY)
