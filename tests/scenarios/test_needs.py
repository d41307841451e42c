"""`farm graph` and `farm why` over recipes, a subscription and roots: what the maintainer of a package asks."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.client.distribution import SmallDistribution
from tests.scenarios.farm import Farm

if TYPE_CHECKING:
    from pathlib import Path

TREE = """\
greet 1-1
├── say 1-1 (build)
└── tools 1-1 (run)
    └── say 1-1 (run)
"""
NO_FARM = "http://127.0.0.1:9"


@pytest.fixture
def tree(tmp_path: Path) -> Farm:
    """`greet` is built with `say`, and needs `tools` at run time, which needs `say`."""
    farm = Farm(tmp_path)
    farm.recipe("greet", "build-needs: [say]\nrequires: [tools]")
    farm.recipe("tools", "requires: [say]")
    farm.recipe("say", "tests: [{name: it says, needs: [tools], run: 'true'}]")
    return farm.setting(FARM_URL=NO_FARM)


@pytest.fixture
def followed(tree: Farm) -> SmallDistribution:
    """A channel with `say`, and `greet` which needs it; the farm's user follows it."""
    distribution = SmallDistribution(tree.root / "published")
    distribution.package("say", {"bin/say": "\x7fnot elf"})
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n"})
    distribution.package("alone", {"share/alone": "alone"})
    distribution.publish()
    assert distribution.founded is not None
    fingerprint = distribution.founded.fingerprint
    tree.run("subscribe", str(distribution.public), "edge", "--fingerprint", fingerprint).done()
    return distribution


def test_recipes_are_shown_as_a_tree(tree: Farm) -> None:
    assert tree.run("graph", "greet").done().output == TREE
    assert tree.run("graph", "greet", "--build").done().output == "greet 1-1\n└── say 1-1 (build)\n"
    assert tree.run("graph", "greet", "--run", "--depth", "1").done().output == "greet 1-1\n└── tools 1-1 (run)\n"
    assert tree.run("graph", "--all").done().output == TREE
    reverse = tree.run("graph", "say", "--reverse").done().output
    assert reverse == "say 1-1\n├── greet 1-1 (build)\n└── tools 1-1 (run)\n    └── greet 1-1 (run)\n"
    assert "└── tools 1-1 (test)" in tree.run("graph", "say", "--tests", "--depth", "1").done().output
    assert '"greet" -> "tools" [style=dashed];' in tree.run("graph", "greet", "--dot").done().output
    form = tree.json("graph", "greet", "--build")
    assert form == {
        "roots": ["greet"],
        "packages": [{"name": "greet", "version": "1-1"}, {"name": "say", "version": "1-1"}],
        "needs": [{"package": "greet", "needs": "say", "kind": "build"}],
    }


def test_a_channel_is_shown_as_its_packages_need_each_other(tree: Farm, followed: SmallDistribution) -> None:
    assert tree.run("graph", "greet", "--channel", "edge").done().output == "greet 1.0-1\n└── say 1.0-1 (run)\n"
    asked = ("graph", "say", "--channel", "edge", "--reverse")
    assert tree.run(*asked).done().output == "say 1.0-1\n└── greet 1.0-1 (run)\n"
    assert tree.run("graph", "--all", "--channel", "edge").done().output.startswith("alone 1.0-1\ngreet 1.0-1\n")


def test_a_graph_of_nothing_is_refused(tree: Farm, followed: SmallDistribution) -> None:
    tree.run("graph", "grete").refused("graph-of-an-unknown-recipe")
    tree.run("graph", "grete", "--channel", "edge").refused("graph-of-an-unknown-package")
    tree.run("graph").refused("graph-of-nothing", status=2)
    tree.run("graph", "greet", "--dot", "--json").refused("graph-in-two-forms", status=2)
    tree.run("graph", "greet", "--channel", "edge", "--build").refused("graph-of-a-channels-builds", status=2)


def test_why_answers_what_it_can_and_says_where_to_ask(tree: Farm) -> None:
    assert tree.run("why", "greet").done().output.splitlines() == [
        "rebuilt: it was never built here, and this host follows no channel",
        f"held back: not known, as no farm answers at {NO_FARM}; name the farm in FARM_URL",
        "needed: in no root of this machine; --image looks in an image, --reverse in a channel",
    ]
    assert tree.json("why", "say-doc").keys() == {"asked", "rebuilt", "held", "needed"}


def test_why_compares_the_recipe_with_the_build_of_the_channel(tree: Farm, followed: SmallDistribution) -> None:
    lines = tree.run("why", "greet").done().output.splitlines()
    assert lines[0].startswith("rebuilt: yes, ")
    assert lines[0].endswith(" inputs changed since 1.0-1 in release 1 of dist.example.org/edge")
    assert "  version 1.0-1 → 1-1" in lines
    assert "  dependency say a new build-need added" in lines
    changed = {(change["kind"], change["name"]) for change in tree.json("why", "greet")["rebuilt"]["inputs"]}
    assert {("version", "version"), ("dependency", "say")} <= changed


def test_why_leaves_open_what_a_tree_with_problems_does_not_say(tree: Farm, followed: SmallDistribution) -> None:
    tree.file("packages/x/recipe.yaml", "name: [")
    assert tree.run("why", "greet").done().message == "warning: x has problems, and is left out: see `farm lint x`\n"
    lines = tree.run("why", "alone").done().output.splitlines()
    assert lines[0] == "rebuilt: not known, as the tree has problems (`farm lint`)"
    assert lines[-1].startswith("needed: in no root of this machine")
    assert tree.json("why", "alone")["rebuilt"]["against"] is None
    assert tree.run("why", "x").done().output.startswith("rebuilt: not known, as the tree has problems")
    tree.run("why", "grete").refused("why-of-an-unknown-package-beside-problems")
    assert "nowhere" in tree.run("why", "alone", "--recipes", "nowhere").message


def test_why_of_an_unknown_name_is_an_error(tree: Farm) -> None:
    tree.run("why", "grete").refused("why-of-an-unknown-recipe")
    tree.run("why", "libssl.so.3", "--json").refused("why-of-a-library")


def test_why_of_what_only_a_channel_has_is_none(tree: Farm, followed: SmallDistribution) -> None:
    assert tree.run("why", "alone").done().output.splitlines()[-1].startswith("needed: in no root of this machine")
    tree.run("why", "alnoe").refused("why-of-an-unknown-package")


def test_why_names_the_roots_that_need_a_package(tree: Farm, followed: SmallDistribution) -> None:
    tree.run("install", "--root", "root", "greet").done()
    assert (
        tree.run("why", "say")
        .done()
        .output.endswith(f"needed in {tree.root}/root:\n  greet was requested: greet → say\n")
    )
    (needed,) = tree.json("why", "say")["needed"]
    assert needed == {"root": f"{tree.root}/root", "chains": [["greet", "say"]]}
    only = json.loads(tree.run("why", "say", "--root", "root", "--json").done().output)
    assert (only["where"], only["chains"]) == (f"{tree.root}/root", [["greet", "say"]])


def test_the_client_without_extras_says_what_it_lacks_and_answers_the_rest(tree: Farm) -> None:
    hidden = "import sys; sys.modules['httpx'] = None; from farm.cli.main import main; main(['why', 'greet'])"
    ended = subprocess.run(
        [sys.executable, "-c", hidden], env=tree.environment, cwd=tree.root, capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[1:] == [
        "at-farm: not known, as farm why needs farm[build]",
        "held: not known, as farm why needs farm[build]",
        "needed: in no root of this machine; --image looks in an image, --reverse in a channel",
    ]
