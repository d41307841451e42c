"""What parts of a recipe require: read, checked, and known to what builds wait for."""

from __future__ import annotations

import pytest

from farm.core.files.problems import RecipeError
from farm.core.names.declared import Output
from farm.core.plan.build_order import named_packages
from tests.core.recipe.examples import RECIPE, load

SCRIPTS = "outputs:\n  dev: [include/**]\n  scripts:\n    files: [bin/zjq]\n    requires: [sed, jq = 1.7.1-1, bash]\n"


def test_a_part_has_paths_and_perhaps_what_it_requires() -> None:
    recipe = load(RECIPE + SCRIPTS.encode())
    assert recipe.outputs == (
        Output("dev", ("include/**",)),
        Output("scripts", ("bin/zjq",), ("bash", "jq=1.7.1-1", "sed")),
    )
    assert recipe.package_names == ("jq", "jq-dev", "jq-scripts")


def test_builds_wait_for_what_parts_require_but_not_for_their_own_recipe() -> None:
    recipe = load(RECIPE + SCRIPTS.encode())
    assert {"sed", "bash"} <= named_packages(recipe).run
    assert "jq" not in named_packages(recipe).run


def test_a_part_without_requirements_is_written_as_it_was() -> None:
    """So plans of before keep their digests."""
    assert Output("dev", ("include/**",)).to_dict() == {"name": "dev", "paths": ["include/**"]}
    assert Output.from_dict(Output("a", ("b",), ("z", "c")).to_dict()) == Output("a", ("b",), ("c", "z"))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{files: [bin/a], requires: [jq-scripts]}", "jq-scripts cannot require itself"),
        ("{requires: [bash]}", "files"),
        ("{files: []}", "the output scripts names no paths"),
        ("{files: [bin/a], needs: [bash]}", "needs"),
        ("{files: [bin/a], requires: [bash, bash = 1-1]}", "requires names bash twice"),
        ("{files: [/bin/a]}", "bin/a"),
        ("text", "list"),
    ],
)
def test_what_is_wrong_is_said(written: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load(RECIPE + f"outputs: {{scripts: {written}}}\n".encode())
    assert message in "\n".join(problem.message for problem in caught.value.problems)
