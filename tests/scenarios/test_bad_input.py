"""Errors in recipes and names are reported in one message, with position and remedy, before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import zstandard

if TYPE_CHECKING:
    from tests.scenarios.farm import Farm

GOOD = "name: x\nversion: '1'\nsummary: An example\nlicense: 0BSD\ntoolchain: c\n"
STEPS = "steps:\n  - run: 'true'\n"

BAD_RECIPES = {
    "typo-in-key": GOOD + STEPS + "build-neds: [zlib]\n",
    "wrong-type": GOOD + STEPS + "build-needs: zlib\nrevision: first\n",
    "unknown-step": GOOD + "steps:\n  - autotool: {configure: [--with-x]}\n",
    "unknown-argument": GOOD + "steps:\n  - autotools: {configuer: [--with-x]}\n",
    "unknown-toolchain": GOOD.replace("toolchain: c", "toolchain: gcc") + STEPS,
    "duplicate-key": GOOD + STEPS + "license: MIT\n",
    "alias-bomb": GOOD + STEPS + "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "nesting-bomb": GOOD + STEPS + "requires: " + "[" * 100_000 + "]" * 100_000 + "\n",
    "template-injection": GOOD
    + "source:\n  url: https://example.org/{{ ''.__class__.__mro__[1].__subclasses__() }}.tar.gz\n"
    + f"  sha256: {'0' * 64}\n"
    + STEPS,
    "template-that-never-ends": GOOD
    + "source:\n  url: https://example.org/{{ 'x' * 10 ** 10 }}.tar.gz\n"
    + f"  sha256: {'0' * 64}\n"
    + STEPS,
    "credentials-in-a-url": GOOD
    + "source:\n  url: https://me:secret@example.org/x.tar.gz\n"
    + f"  sha256: {'0' * 64}\n"
    + STEPS,
    "url-of-a-file": GOOD + f"source:\n  url: file:///etc/shadow\n  sha256: {'0' * 64}\n" + STEPS,
    "file-outside": GOOD + "source:\n  file: ../../../etc/passwd\n" + STEPS,
}


# The recipes of these tests are not written as well as they should be.
LINT = ("lint", "--select", "F", "--select", "N")


@pytest.mark.parametrize("case", BAD_RECIPES)
def test_a_bad_recipe_is_refused_with_its_place_and_a_remedy(tree: Farm, case: str) -> None:
    said = tree.recipe("good").file("packages/x/recipe.yaml", BAD_RECIPES[case]).run(*LINT).refused(case)

    assert said.output == ""
    assert "packages/x/recipe.yaml:" in said.message
    assert "secret" not in said.message


def test_problems_of_all_files_are_told_at_once(tree: Farm) -> None:
    tree.file("packages/x/recipe.yaml", BAD_RECIPES["typo-in-key"])
    tree.file("packages/y/recipe.yaml", BAD_RECIPES["wrong-type"].replace("name: x", "name: y"))
    tree.file("distribution.yaml", "domian: dist.example.org\n").run(*LINT).refused("three-bad-files")


def test_a_recipe_of_ten_megabytes_is_not_read(tree: Farm) -> None:
    text = GOOD + STEPS + "# " + "x" * 10_000_000
    tree.file("packages/x/recipe.yaml", text).run("lint").refused("ten-megabytes")


def test_a_recipe_that_is_a_link_is_not_followed(tree: Farm) -> None:
    tree.recipe("good")
    (tree.recipes / "packages" / "good" / "secret").symlink_to("/etc/shadow")
    tree.run("lint").refused("link-beside-a-recipe")


def test_a_tree_that_is_not_there_is_named_with_the_way_to_name_another(tree: Farm) -> None:
    tree.run("lint", "--recipes", "nowhere").refused("no-recipes")


def test_missing_dependencies_are_named_with_their_neighbours(tree: Farm) -> None:
    tree.recipe("readline").recipe("x", "build-needs: [readlin]").recipe("y", "requires: [zzz]")
    tree.run(*LINT).refused("missing-dependency")


def test_what_is_wrong_between_recipes_is_told_together_with_what_is_wrong_in_them(tree: Farm) -> None:
    tree.recipe("a", "build-needs: [b]").recipe("b", "build-needs: [a]").recipe("readline")
    tree.recipe("broken", "build-neds: [a]").recipe("x", "build-needs: [broken, broken-dev, readlin]")
    tree.recipe("y", "tests: [{run: x, needs: [bsah]}]\ntest-needs: [readlin]\nrequires: [a = 1-1, bb = 1]")
    tree.run(*LINT).refused("problems-of-all-kinds")


def test_a_recipe_that_is_written_badly_is_told_so_and_is_no_failure(tree: Farm) -> None:
    tree.recipe("x", run="if true; then\n  echo\nelse")
    tree.recipe("y", "lint: [{allow: T101, reason: Nothing can be tested}, {allow: S101, reason: No}]")
    tree.run("lint", "--ignore", "P102").refused("badly-written")
    tree.run("lint", "y").done()
    assert tree.run("lint", "y", "--strict").status == 1
    assert tree.run("lint", "x", "--select", "D").output == "x: OK\n"


def test_a_recipe_that_is_not_there_is_not_linted(tree: Farm) -> None:
    tree.recipe("readline")
    tree.run("lint", "readlin").refused("lint-of-nothing")


def test_a_cycle_is_named_from_end_to_end(tree: Farm) -> None:
    tree.recipe("a", "build-needs: [b]").recipe("b", "build-needs: [c]").recipe("c", "build-needs: [a]").recipe("d")
    tree.run(*LINT).refused("cycle")


def test_two_recipes_of_one_package_name_are_both_named(tree: Farm) -> None:
    tree.recipe("x", "outputs: {tests: [libexec/**]}").recipe("x-tests")
    tree.run(*LINT).refused("two-of-one-name")


def test_a_recipe_with_problems_stops_only_what_needs_it(tree: Farm) -> None:
    tree.recipe("good").recipe("other", "build-needs: [x]").file("packages/x/recipe.yaml", BAD_RECIPES["wrong-type"])
    (tree.recipes / "packages" / "linked").mkdir()
    (tree.recipes / "packages" / "linked" / "recipe.yaml").symlink_to("/etc/shadow")
    assert tree.run("graph", "good").refused("problems-elsewhere", status=0).output == "good 1-1\n"
    tree.run("test", "--list", "good").refused("problems-elsewhere", status=0)
    tree.run("graph", "other").refused("problems-of-what-is-needed")
    tree.run("graph", "linked").refused("link-of-what-is-needed")
    for words in (("graph", "good", "--reverse"), ("graph", "--all"), ("graph", "nosuch"), ("build", "--all")):
        tree.run(*words).refused("link-of-what-is-needed")


def test_without_a_docker_engine_it_is_said_what_is_missing(tree: Farm) -> None:
    tree.recipe("good").setting(DOCKER_HOST="unix:///nowhere/docker.sock")
    tree.run("build", "good").refused("no-docker")
    assert tree.snapshot() == {}


@pytest.mark.docker
@pytest.mark.toolchain
class TestOnAFarmThatHasBuilt:
    def test_a_name_that_no_recipe_makes_is_told_with_its_neighbours(self, farm: Farm) -> None:
        before = farm.snapshot()
        farm.recipe("goodness").run("build", "gool").refused("unknown-name")
        farm.run("image", "build", "gool", "--local").refused("unknown-name")
        (farm.root / "image.yaml").write_text("packages:\n  - gool\n")
        farm.run("image", "build", "-f", "image.yaml", "--local").refused("unknown-name-in-an-image-file")
        farm.run("test", "gool").refused("unknown-name")
        farm.run("plan", "gool").refused("unknown-name")
        assert farm.snapshot() == before

    def test_what_needs_no_recipe_with_problems_is_built_and_tested(self, farm: Farm) -> None:
        farm.recipe("shell").file("packages/x/recipe.yaml", BAD_RECIPES["wrong-type"])
        farm.recipe("y", "build-needs: [good]\ntests: [{command: [/bin/true], needs: [x]}]")
        assert farm.run("build", "y").done().output.startswith("PACKAGE")
        assert "x/recipe.yaml:" in farm.run("test", "y").message
        assert "good" in farm.run("files", "good").done().output
        assert farm.run("plan", "good").done().message.startswith("warning: x has problems")
        farm.file("packages/y/recipe.yaml", "name: [").run("files", "good").done()
        assert "y/recipe.yaml:" in farm.run("shell", "y", "--", "true").message

    def test_a_toolchain_without_a_lock_is_told_how_to_get_one(self, farm: Farm) -> None:
        lock = (farm.recipes / "toolchains" / "c.lock").read_bytes()
        farm.without("toolchains/c.lock").run("build", "good").refused("no-lock")
        farm.file("toolchains/c.lock", lock).run("build", "good").refused("still-kept", status=0)

    def test_a_lock_that_was_edited_is_refused_at_its_line(self, farm: Farm) -> None:
        lock = (farm.recipes / "toolchains" / "c.lock").read_text().splitlines()
        first = next(number for number, line in enumerate(lock) if line and not line.startswith("#"))
        lock[first] = "surprise"
        farm.file("toolchains/c.lock", "\n".join(lock) + "\n").run("build", "good").refused("edited-lock")

    def test_source_bytes_with_another_digest_are_refused_with_both(self, farm: Farm, served: str) -> None:
        farm.setting(FARM_ALLOWED_NETWORKS="127.0.0.0/8")
        for digest, golden in (("ab" * 32, "wrong-sha256"), ("0" * 64, "new-sha256")):
            source = f"source:\n  url: {served}/x-1.tar.gz\n  sha256: {digest}\n"
            farm.recipe("x", source).run("build", "x").refused(golden)
        farm.run("build", "good").refused("still-kept", status=0)

    def test_a_source_that_nobody_has_is_told_with_each_origin(self, farm: Farm, served: str) -> None:
        source = (
            f"source:\n  url: {served}/missing.tar.gz\n  sha256: {'0' * 64}\n"
            f"  origins: [debian: no-such-package-of-debian, url: 'http://127.0.0.1:1/x.tar.gz']\n"
        )
        farm.recipe("x", source).setting(FARM_ALLOWED_NETWORKS="127.0.0.0/8").run("build", "x").refused("unreachable")
        farm.run("build", "good").refused("still-kept", status=0)

    def test_a_source_on_a_private_address_is_refused_unless_the_operator_lists_it(
        self, farm: Farm, served: str
    ) -> None:
        source = f"source:\n  url: {served}/x-1.tar.gz\n  sha256: {'0' * 64}\n"
        farm.recipe("x", source).run("build", "x").refused("private-address")

    def test_what_looks_like_shell_arrives_as_it_is_written(self, farm: Farm) -> None:
        value = "$(touch /out/usr/pwned) `id` \"'; exit 7 #\\ * ~ { name } %s \\n"
        quoted = value.replace("'", "''")
        farm.recipe(
            "x",
            "steps:\n"
            "  - run: |\n"
            '      mkdir -p "$DESTDIR/usr/share/x"\n'
            '      printf "%s" "$VALUE" >"$DESTDIR/usr/share/x/value"\n'
            f"    environment: {{VALUE: '{quoted}'}}\n",
        ).run("build", "x").done()
        (package,) = farm.json("build", "x")["packages"]
        assert value.encode() in zstandard.decompress(farm.blob(package["archive"]["digest"]).read_bytes(), 1 << 20)

    def test_two_packages_that_claim_one_path_are_both_named_before_the_container_starts(self, farm: Farm) -> None:
        claim = 'install -D --mode=0644 /dev/stdin "$DESTDIR/etc/tool.conf" <<<"$NAME"'
        farm.recipe("one", run=claim).recipe("two", run=claim).run("build", "one", "two").done()
        farm.recipe("user", "build-needs: [one, two]").run("build", "user").refused("one-path-twice-in-a-build")
        farm.run("image", "build", "one", "two", "--local", "--no-load").refused("one-path-twice-in-an-image")
