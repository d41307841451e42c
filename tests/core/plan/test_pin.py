"""The plan's digest changes exactly when an input of the build does."""

from dataclasses import fields, replace

import pytest

from farm.core.names.declared import HardeningWaiver, HostNeeds, Output, Plugin, SensitiveFile
from farm.core.names.digest import Digest
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.plan.debian import DebianBinary
from farm.core.plan.job import SourceOrigin
from farm.core.plan.pin import source_origins
from farm.core.recipe.flags import Flag, FlagVariable
from farm.core.recipe.recipe import Allowance, CarriedSource, Limits, Origin, Recipe, Source, Step, Test
from farm.core.recipe.toolchain import LockedDeb, ToolchainLock
from tests.core.plan.values import DEBS, DEPENDENCIES, RECIPE, dependency, planned
from tests.refusing import refuses

FIRST, PATCH, DEB = RECIPE.sources
CONFIGURE, MAKE = RECIPE.steps
DEV, TESTS = RECIPE.outputs
CARRIED = CarriedSource("glibc.dsc", Digest.of(b"dsc"), "", (Origin("debian", "glibc=2.41-12"),), ("libc6.deb",))
CFLAGS = FlagVariable("CFLAGS", (Flag("-g -O2"), Flag("-mx", "amd64"), Flag("-ma", "arm64")))

# Every field of a recipe, with changes to it that are an input of the build.
INPUTS = {
    "name": ["gojq"],
    "version": [Version("1.7.2")],
    "revision": [2],
    "license": ["ISC"],
    "sources": [
        (FIRST, PATCH),
        (PATCH, FIRST, DEB),
        (replace(FIRST, digest=Digest.of(b"other")), PATCH, DEB),
        (replace(FIRST, file="other.tar.gz"), PATCH, DEB),
        (replace(FIRST, unpack=False), PATCH, DEB),
        (FIRST, replace(PATCH, patch=False), DEB),
    ],
    "requires": [("bash",), ("bash", "grep")],
    "steps": [
        (CONFIGURE,),
        (MAKE, CONFIGURE),
        (replace(CONFIGURE, name="other"), MAKE),
        (replace(CONFIGURE, script="./configure -C"), MAKE),
        (replace(CONFIGURE, arguments=("--with-y",)), MAKE),
        (replace(CONFIGURE, environment=(("ARG_A", "c"),)), MAKE),
    ],
    "outputs": [(DEV,), (TESTS, DEV), (replace(DEV, paths=("include/**", "lib/*.a")), TESTS)],
    "links": [(), (("usr/bin/jql", "bin/other"), ("usr/bin/jqq", "bin/jq"))],
    "replaces": [(), ("jaq",)],
    "plugins": [(), (Plugin("lib/jq/*", "gojq"),)],
    "sensitive_files": [(SensitiveFile("etc/passwd", "a"),), (SensitiveFile("etc/passwd", "b"),)],
    "host": [HostNeeds(), HostNeeds("5.11", ("CONFIG_IO_URING",), ("CAP_NET_RAW",))],
    "shadows": [(), ("xz",)],
    "environment": [(("A", "1"),), (("A", "2"), ("B", "2"))],
    "flags": [(CFLAGS,), (FlagVariable("CFLAGS", (Flag("-O3"),)),), (replace(CFLAGS, name="CXXFLAGS"),)],
    "source_epoch": [1704067201],
}
# Every other field, with changes that are no input: descriptions, where bytes come from, tests, limits of time,
# and the order of elements of a set.
NOT_INPUTS = {
    "summary": ["Another"],
    "home": [""],
    "toolchain": ["another name for the same tree"],
    "sources": [
        (replace(FIRST, url="https://mirror.example/jq"), PATCH, DEB),
        (replace(FIRST, origins=(Origin("pypi", "jq==1.7.1"),)), PATCH, DEB),
        (FIRST, PATCH, Source("libc6.deb", DEBS["libc6"], "https://example.org/libc6.deb", unpack=False)),
    ],
    "build_needs": [("zlib", "oniguruma"), ("zlib", "dist.example.org/oniguruma")],
    "requires": [("bash", "base-files")],
    "tests": [(), (Test("other", run="true"),)],
    "limits": [Limits()],
    "links": [tuple(reversed(RECIPE.links))],
    "replaces": [("jaq", "gojq")],
    "shadows": [("zstd", "xz")],
    "environment": [(("B", "2"), ("A", "1"))],
    "flags": [(FlagVariable("A", ()),), (FlagVariable("A", (Flag("-mx", "arm64"),)),)],
    "carried": [(CARRIED,)],
    "allowances": [(Allowance("T101", "it is tested where it is used"),)],
    "waivers": [(HardeningWaiver("pie", "bin/jq", "it is a boot loader"),)],
    "digest": [Digest.of(b"a comment in the file")],
}


def test_every_field_of_a_recipe_is_decided_upon():
    assert {field.name for field in fields(Recipe)} == INPUTS.keys() | NOT_INPUTS.keys()


@pytest.mark.parametrize("field", INPUTS)
def test_an_input_of_the_build_changes_the_digest(field):
    digests = [planned(replace(RECIPE, **{field: value})).digest for value in INPUTS[field]]
    assert len({planned().digest, *digests}) == 1 + len(digests)


@pytest.mark.parametrize("field", NOT_INPUTS)
def test_what_is_no_input_leaves_the_digest_alone(field):
    assert {planned(replace(RECIPE, **{field: value})).digest for value in NOT_INPUTS[field]} == {planned().digest}


@pytest.mark.parametrize(
    "change",
    [
        {"platform": Platform("linux", "arm64")},
        {"toolchain": Digest.of(b"another toolchain")},
        {"toolchain_debs": {"libc6": Digest.of(b"another libc6")}},
        {"distribution": "other.example"},
        {"dependencies": (*DEPENDENCIES[:2], dependency("glibc", direct=False, tree="another build"))},
        {"dependencies": (*DEPENDENCIES[:2], dependency("glibc", direct=False, version="2.0"))},
        {"dependencies": DEPENDENCIES[:2]},
    ],
)
def test_what_is_pinned_changes_the_digest(change):
    if "distribution" in change:
        change["dependencies"] = ()
        base = planned(replace(RECIPE, build_needs=()), dependencies=())
        assert planned(replace(RECIPE, build_needs=()), **change).digest != base.digest
    else:
        assert planned(**change).digest != planned().digest


def test_the_order_of_dependencies_leaves_the_digest_alone():
    assert planned(dependencies=tuple(reversed(DEPENDENCIES))) == planned()


def test_a_build_need_without_a_build_is_told():
    with refuses("unpinned-dependency") as caught:
        planned(dependencies=(dependency("zlib"), dependency("pcre2")))
    assert caught.value.message == (
        "the plan of jq was given no build of dist.example.org/oniguruma and dist.example.org/pcre2, "
        "which it does not need"
    )
    assert caught.value.remedy == "Build dist.example.org/oniguruma first."


def test_a_debian_package_outside_the_lock_is_told_with_the_nearest_names():
    with refuses("unknown-toolchain-package") as caught:
        planned(toolchain_debs={"libc6-dev": DEBS["libc6"], "zlib1g": DEBS["libc6"]})
    assert caught.value.message == "jq: the toolchain has no Debian package 'libc6' to take files from"
    assert caught.value.remedy.startswith("The lock has libc6-dev.")


def test_sources_know_their_origins_by_the_pinned_digest():
    assert source_origins(RECIPE, DEBS) == (
        SourceOrigin(FIRST.digest, FIRST.url, FIRST.origins),
        SourceOrigin(PATCH.digest, ""),
        SourceOrigin(DEBS["libc6"], "", (), "libc6"),
    )
    lock = ToolchainLock("full", (LockedDeb("libc6", "2.41-12+deb13u5", "amd64", DEBS["libc6"], 3, "pool/libc6.deb"),))
    *_, deb, carried = source_origins(replace(RECIPE, carried=(CARRIED,)), DEBS, lock)
    assert deb == SourceOrigin(DEBS["libc6"], "", (), "libc6:amd64=2.41-12+deb13u5")
    assert carried == SourceOrigin(CARRIED.digest, "", CARRIED.origins)


@pytest.mark.parametrize(
    ("text", "label", "purl"),
    [
        ("libc6", "libc6", "pkg:deb/debian/libc6"),
        (
            "libc6:amd64=2.41-12+deb13u5",
            "libc6 2.41-12+deb13u5 (amd64)",
            "pkg:deb/debian/libc6@2.41-12%2Bdeb13u5?arch=amd64",
        ),
        ("cpp:amd64=4:14.2.0-1", "cpp 4:14.2.0-1 (amd64)", "pkg:deb/debian/cpp@4:14.2.0-1?arch=amd64"),
        ("libstdc++6:amd64=14.2.0-19", "libstdc++6 14.2.0-19 (amd64)",
         "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64"),
    ],
)  # fmt: skip
def test_a_binary_of_debians_is_written_as_apt_does_and_as_a_package_url(text, label, purl):
    binary = DebianBinary.parse(text)
    assert (str(binary), binary.label, binary.purl) == (text, label, purl)


def test_steps_and_outputs_are_taken_as_they_are():
    plan = planned(replace(RECIPE, steps=(Step("run", "true"),), outputs=(Output("dev", ("lib/*.so",)),)))
    assert (plan.steps, plan.outputs) == ((Step("run", "true"),), (Output("dev", ("lib/*.so",)),))


@pytest.mark.parametrize(("architecture", "flags"), [("amd64", "-g -O2 -mx"), ("arm64", "-g -O2 -ma")])
def test_flags_are_those_of_the_platform_and_stand_in_the_plan(architecture, flags):
    plan = planned(replace(RECIPE, flags=(CFLAGS,)), platform=Platform("linux", architecture))
    assert dict(plan.environment) == {"A": "1", "B": "2", "CFLAGS": flags}


def test_what_a_recipe_sets_itself_is_put_behind_the_flags_and_takes_none_away():
    own = replace(RECIPE, flags=(CFLAGS,), environment=(("CFLAGS", "-O0 -DX"), ("CPPFLAGS", "-DY")))
    assert dict(planned(own).environment) == {"CFLAGS": "-g -O2 -mx -O0 -DX", "CPPFLAGS": "-DY"}
