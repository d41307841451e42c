"""A step library of two steps and a valid recipe, for the tests of this directory to modify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.recipe.load import load_recipe
from farm.core.recipe.steps import StepLibrary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.recipe.recipe import Recipe

PREPARE = b"""\
name: prepare
summary: Unpack sources and apply patches
automatic: first
arguments:
  sources: {type: strings, summary: What to unpack}
run:
  - arguments: sources
    shell: unpack "$@"
"""

AUTOTOOLS = b"""\
name: autotools
summary: configure, make, make install
arguments:
  regenerate: {type: boolean, default: false, summary: Run autoreconf first}
  configure: {type: strings, summary: Options of configure}
  subdirectory: {type: string, summary: Where to work}
  jobs: {type: integer, default: 2, summary: How many at once}
run:
  - name: configure
    arguments: configure
    shell: ./configure "$@"
  - name: make
    shell: make
"""

FINISH = b"""\
name: finish
summary: Strip
automatic: last
run:
  - shell: strip
"""

RECIPE = b"""\
name: jq
version: 1.7.1
summary: Command-line JSON processor
license: MIT
home: https://jqlang.org
source:
  url: https://github.com/jqlang/jq/archive/refs/tags/jq-{{ version }}.tar.gz
  sha256: fc75b1824aba7a954ef0886371d951c3bf4b6e0a921d1aefc553f309702d6ed1
  origins: [debian: jq]
toolchain: full
build-needs: [oniguruma]
steps:
  - autotools: {regenerate: true, configure: [--with-oniguruma=yes]}
tests:
  - run: echo '{"a":[1,2]}' | jq -c '.a|add'
    prints: "3"
"""


def library() -> StepLibrary:
    """Return the steps prepare, autotools and finish."""
    return StepLibrary.from_files(
        {"steps/prepare.yaml": PREPARE, "steps/autotools.yaml": AUTOTOOLS, "steps/finish.yaml": FINISH}
    )


def load(text: bytes, beside: Mapping[str, bytes] | None = None, *, steps: StepLibrary | None = None) -> Recipe:
    """Load a recipe with these steps."""
    return load_recipe(text, file="recipe.yaml", steps=steps or library(), patches=beside or {})


def with_lines(lines: str, *, instead_of: str = "") -> bytes:
    """Return the valid recipe with a text of it replaced, or with lines added to its end."""
    if not instead_of:
        return RECIPE + lines.encode()
    changed = RECIPE.replace(instead_of.encode(), lines.encode())
    if changed == RECIPE:
        raise ValueError(f"the recipe does not hold {instead_of!r}")
    return changed
