from __future__ import annotations

import pytest

from farm.core.files.problems import RecipeError
from farm.core.names.digest import Digest
from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gates.set_gates import ProofGate, TestsGate
from farm.core.policy.tree import load_tree
from farm.core.recipe.toolchain import LockedDeb, ToolchainDefinition
from tests.core.recipe.examples import AUTOTOOLS, FINISH, PREPARE, RECIPE

LOCK = f"libc6 2.41-12 amd64 {'0' * 64} 2861960 pool/main/g/glibc/libc6_2.41-12_amd64.deb\n".encode()
FILES = {
    "distribution.yaml": b"domain: dist.example.org\nsummary: An example\n",
    "steps/prepare.yaml": PREPARE,
    "steps/autotools.yaml": AUTOTOOLS,
    "steps/finish.yaml": FINISH,
    "toolchains/full.yaml": b"suite: trixie\npackages: [gcc, make]\n"
    b"excludes: [/usr/share/man/*]\nremoves: [var/log/*]\nruntime: [jq]\n",
    "toolchains/full.lock": LOCK,
    "channels/edge.yaml": b"gates: [proof, tests: {of: all}]\nrebuild: always\n",
    "channels/stable.yaml": b"from: edge\ngates: [proof]\n",
    "packages/jq/recipe.yaml": RECIPE,
    "packages/jq/notes.txt": b"",
    "images/api.yaml": b"packages: [jq]\n",
}


def problems(**changes: bytes | None) -> str:
    files = {**FILES, **{key.replace("__", "/").replace("_yaml", ".yaml"): text for key, text in changes.items()}}
    with pytest.raises(RecipeError) as caught:
        load_tree({path: text for path, text in files.items() if text is not None})
    return str(caught.value)


def test_a_tree_is_read_whole() -> None:
    tree = load_tree(FILES)

    assert tree.distribution.domain == "dist.example.org"
    assert tree.steps.nameable == ("autotools",)
    assert tree.toolchains["full"] == ToolchainDefinition(
        "full", "trixie", ("gcc", "make"), ("/usr/share/man/*",), ("var/log/*",), ("jq",)
    )
    assert {deb.name: deb for deb in tree.locks["full"].debs}["libc6"] == LockedDeb(
        "libc6",
        "2.41-12",
        "amd64",
        Digest("sha256:" + "0" * 64),
        2861960,
        "pool/main/g/glibc/libc6_2.41-12_amd64.deb",
    )
    assert tree.channels["edge"] == ChannelPolicy("edge", (ProofGate(), TestsGate("all")), "", "always")
    assert tree.channels["stable"].from_channel == "edge"
    assert list(tree.recipes) == ["jq"]


def test_the_problems_of_all_files_come_together() -> None:
    found = problems(
        distribution_yaml=b"domain: Example\n",
        channels__edge_yaml=b"gates: [prof]\n",
        toolchains__full_yaml=b"suite: trixie\n",
        packages__jq__recipe_yaml=RECIPE.replace(b"summary", b"sumary"),
    )

    assert "distribution.yaml:1:9: 'Example/any' is not a package name" not in found
    assert "distribution.yaml:1:9: 'Example' is not a lower-case DNS name" in found
    assert "Did you mean proof?" in found
    assert "toolchains/full.yaml:1:1: a toolchain lacks the key packages" in found
    assert "packages/jq/recipe.yaml:3:1: a recipe has no key 'sumary'" in found
    # The toolchain's file exists, so the recipe that names it is not blamed.
    assert "there is no toolchain" not in found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"distribution_yaml": None}, "no distribution.yaml"),
        ({"packages__qj__recipe_yaml": RECIPE}, "the recipe jq lies in the directory qj"),
        ({"packages__jq__recipe_yaml": RECIPE.replace(b"toolchain: full", b"toolchain: ful")}, "Did you mean full?"),
        ({"channels__stable_yaml": b"from: egde\ngates: []\n"}, "Did you mean edge?"),
        ({"channels__stable_yaml": b"from: stable\ngates: []\n"}, "cannot take packages from 'stable'"),
        ({"channels__edge_yaml": b"gates: [proof, proof]\n"}, "listed twice"),
        ({"channels__edge_yaml": b"gates: [tests: {of: some}]\n"}, "of cannot be 'some'"),
        ({"channels__edge_yaml": b"gates: []\nrebuild: never\n"}, "rebuild cannot be 'never'"),
        ({"toolchains__full_yaml": b"suite: trixie\npackages: [gcc, gcc]\n"}, "names gcc twice"),
        ({"toolchains__full_yaml": b"suite: trixie\npackages: [-oDir=x]\n"}, "is not a name"),
        ({"toolchains__full_yaml": b"suite: trixie\npackages: [gcc]\nruntime: [qj]\n"}, "which no recipe makes"),
        ({"channels__BAD_yaml": b"gates: []\n"}, "'BAD' cannot be the name of a channel"),
        ({"packages__jq-dev__recipe_yaml": RECIPE.replace(b"name: jq", b"name: jq-dev")}, "is made by"),
    ],
)
def test_a_bad_tree_is_refused(changes: dict[str, bytes | None], words: str) -> None:
    if "is made by" in words:
        changes = {**changes, "packages__jq__recipe_yaml": RECIPE + b"outputs: {dev: [include/**]}\n"}
    assert words in problems(**changes)


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        (b"", "names no package"),
        (b"libc6 1 amd64\n", "full.lock:1:1: a line has six fields"),
        (LOCK + LOCK, "full.lock:2:1: libc6 is out of order"),
        (LOCK.replace(b"0" * 64, b"0" * 63), "is not a digest"),
        (LOCK.replace(b"2861960", b"-5"), "size"),
        (LOCK.replace(b"2861960", b"many"), "size"),
    ],
)
def test_a_bad_lock_is_refused(lock: bytes, words: str) -> None:
    assert words in problems(**{"toolchains/full.lock": lock})


def test_a_lock_writes_what_it_read() -> None:
    lock = load_tree(FILES).locks["full"]

    assert lock.to_text() == LOCK
    assert lock.digest == Digest.of(LOCK)
