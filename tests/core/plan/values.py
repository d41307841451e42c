"""Plain values that these tests start from."""

from dataclasses import replace
from typing import Any

from farm.core.names.declared import HostNeeds, Output, Plugin
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.plan.pin import pin
from farm.core.plan.plan import Plan, PlannedDependency
from farm.core.recipe.recipe import Limits, Origin, Recipe, Source, Step, Test

DISTRIBUTION = "dist.example.org"
TOOLCHAIN = Digest.of(b"toolchain")
DEBS = {"libc6": Digest.of(b"libc6.deb")}


def dependency(name: str, *, direct: bool = True, version: str = "1.0", tree: str = "") -> PlannedDependency:
    return PlannedDependency(
        PackageName(DISTRIBUTION, name), Version(version), Digest.of((tree or name).encode()), direct
    )


DEPENDENCIES = (dependency("oniguruma"), dependency("zlib"), dependency("glibc", direct=False))

RECIPE = Recipe(
    name="jq",
    version=Version("1.7.1"),
    revision=1,
    summary="Command-line JSON processor",
    license="MIT",
    home="https://jqlang.org",
    sources=(
        Source("jq.tar.gz", Digest.of(b"jq"), "https://example.org/jq.tar.gz", (Origin("debian", "jq"),)),
        Source("fix.patch", Digest.of(b"fix"), unpack=False, patch=True),
        Source("libc6.deb", None, unpack=False, debian_package="libc6"),
    ),
    toolchain="full",
    build_needs=("oniguruma", "zlib"),
    requires=("base-files", "bash"),
    steps=(Step("autotools", "./configure", ("--with-x",), (("ARG_A", "b"),)), Step("run", "make", (), ())),
    outputs=(Output("dev", ("include/**",)), Output("tests", ("libexec/**",))),
    tests=(Test("adds", run="jq -n 1+1", prints="2"),),
    links=(("usr/bin/jql", "bin/jq"), ("usr/bin/jqq", "bin/jq")),
    replaces=("gojq", "jaq"),
    plugins=(Plugin("lib/jq/*", "jq"),),
    host=HostNeeds("5.10", ("CONFIG_IO_URING",), ("CAP_NET_RAW",)),
    limits=Limits(minutes=5),
    shadows=("xz", "zstd"),
    environment=(("A", "1"), ("B", "2")),
    source_epoch=1704067200,
    digest=Digest.of(b"recipe"),
)


def planned(recipe: Recipe = RECIPE, **changes: Any) -> Plan:
    arguments: dict[str, Any] = {
        "distribution": DISTRIBUTION,
        "platform": Platform("linux", "amd64"),
        "toolchain": TOOLCHAIN,
        "toolchain_debs": DEBS,
        "dependencies": DEPENDENCIES,
    }
    return pin(recipe, **{**arguments, **changes})


def recipe(name: str, **changes: Any) -> Recipe:
    """A recipe that needs nothing, except for `changes`."""
    bare: dict[str, Any] = {"build_needs": (), "requires": (), "tests": (), "outputs": ()}
    return replace(RECIPE, name=name, **{**bare, **changes})


def bare_plan(name: str, *, distribution: str = DISTRIBUTION, version: str = "1.0", **changes: Any) -> Plan:
    """A plan that takes nothing and does nothing, except for `changes`."""
    plan = Plan(
        name=PackageName(distribution, name),
        version=Version(version),
        revision=1,
        platform=Platform("linux", "amd64"),
        toolchain=TOOLCHAIN,
        sources=(),
        dependencies=(),
        steps=(),
        outputs=(),
        links=(),
        replaces=(),
        plugins=(),
        host=HostNeeds(),
        requires=(),
        license="MIT",
        shadows=(),
        environment=(),
        source_epoch=1704067200,
    )
    return replace(plan, **changes)
