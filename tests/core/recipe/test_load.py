from __future__ import annotations

import re

import pytest

from farm.core.files.problems import RecipeError
from farm.core.names.declared import HardeningWaiver, HostNeeds, Output, Plugin, SensitiveFile
from farm.core.names.digest import Digest
from farm.core.names.version import Version
from farm.core.recipe.recipe import CarriedSource, Limits, Origin, Source, Test
from tests.core.recipe.examples import RECIPE, load, with_lines


def test_the_recipe_of_the_design_means_what_it_says() -> None:
    recipe = load(RECIPE)

    assert (recipe.name, recipe.version, recipe.revision) == ("jq", Version("1.7.1"), 1)
    assert recipe.sources == (
        Source(
            "jq-1.7.1.tar.gz",
            Digest("sha256:fc75b1824aba7a954ef0886371d951c3bf4b6e0a921d1aefc553f309702d6ed1"),
            "https://github.com/jqlang/jq/archive/refs/tags/jq-1.7.1.tar.gz",
            (Origin("debian", "jq"),),
        ),
    )
    assert recipe.tests == (Test("test 1", run="echo '{\"a\":[1,2]}' | jq -c '.a|add'", prints="3"),)
    assert [step.name for step in recipe.steps] == ["prepare", "autotools: configure", "autotools: make", "finish"]
    assert recipe.steps[1].arguments == ("--with-oniguruma=yes",)


def test_the_first_step_is_told_what_to_unpack_and_apply() -> None:
    sources = """\
source:
  - {url: 'https://x.example/{{ name }}.tar.xz', sha256: %s, origins: [url: 'https://y.example/{{ name }}.tar.xz']}
  - {url: 'https://x.example/data.txt', sha256: %s}
  - {url: 'https://x.example/get?id=3', sha256: %s, file: more.tgz}
  - {url: 'https://x.example/no.tar', sha256: %s, unpack: false}
  - file: fix.patch
  - file: passwd
""".replace("%s", "0" * 64)
    block = RECIPE[RECIPE.index(b"source:") : RECIPE.index(b"toolchain:")].decode()
    beside = {"fix.patch": b"--- a", "passwd": b"root"}
    recipe = load(with_lines(sources, instead_of=block), beside)

    assert recipe.steps[0].arguments == ("main=jq.tar.xz", "other=more.tgz", "patch=fix.patch")
    assert [source.unpack for source in recipe.sources] == [True, False, True, False, False, False]
    assert recipe.sources[0].origins == (Origin("url", "https://y.example/jq.tar.xz"),)
    assert recipe.sources[5] == Source("passwd", Digest.of(b"root"), unpack=False)


def test_zip_and_7z_archives_are_unpacked_from_the_tar_that_is_made_of_them() -> None:
    sources = """\
source:
  - {url: 'https://x.example/{{ name }}.zip', sha256: %s}
  - {url: 'https://x.example/data.7z', sha256: %s}
  - {url: 'https://x.example/kept.zip', sha256: %s, unpack: false}
""".replace("%s", "0" * 64)
    block = RECIPE[RECIPE.index(b"source:") : RECIPE.index(b"toolchain:")].decode()
    recipe = load(with_lines(sources, instead_of=block))
    assert recipe.steps[0].arguments == ("main=jq.tar", "other=data.tar")
    assert [(source.file, source.unpack) for source in recipe.sources] == [
        ("jq.zip", True),
        ("data.7z", True),
        ("kept.zip", False),
    ]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (("x.rar",), "'x.rar' is an archive of a format that cannot be unpacked"),
        (("x.tar.Z",), "'x.tar.Z' is an archive of a format that cannot be unpacked"),
        (("X.ZIP",), "'X.ZIP' is named like an archive, in capitals"),
        (("x.tar", "x.zip"), "a source is named 'x.tar', which x.zip is unpacked as"),
        (("x.7z", "x.zip"), "a source is named 'x.tar', which x.zip is unpacked as"),
        (("x.zip", "x.tar"), "two sources are named 'x.tar'"),
    ],
)
def test_an_archive_that_would_be_left_packed_or_overwritten_is_refused(sources: tuple[str, ...], message: str) -> None:
    lines = "".join(f"  - {{url: 'https://x.example/{name}', sha256: {'0' * 64}}}\n" for name in sources)
    block = RECIPE[RECIPE.index(b"source:") : RECIPE.index(b"toolchain:")].decode()
    with pytest.raises(RecipeError, match=re.escape(message)):
        load(with_lines(f"source:\n{lines}", instead_of=block))


def test_an_archive_that_cannot_be_unpacked_may_be_left_to_the_steps() -> None:
    block = RECIPE[RECIPE.index(b"source:") : RECIPE.index(b"toolchain:")].decode()
    text = f"source: {{url: 'https://x.example/x.rar', sha256: {'0' * 64}, unpack: false}}\n"
    assert not load(with_lines(text, instead_of=block)).sources[0].unpack


def test_a_source_can_be_a_package_of_the_toolchain() -> None:
    block = RECIPE[RECIPE.index(b"source:") : RECIPE.index(b"toolchain:")].decode()
    recipe = load(with_lines("source: {from-toolchain: libc6}\n", instead_of=block))

    assert recipe.sources == (Source("libc6.deb", None, unpack=False, debian_package="libc6"),)


def test_the_source_of_debians_package_is_carried_and_no_build_starts_from_it() -> None:
    block = RECIPE[RECIPE.index(b"source:") : RECIPE.index(b"toolchain:")].decode()
    dsc = Digest.of(b"dsc")
    carried = f"  - {{file: glibc.dsc, sha256: {dsc.hex}, origins: [debian: glibc=2.41-12], source-of: [libc6]}}\n"
    recipe = load(with_lines(f"source:\n  - from-toolchain: libc6\n{carried}", instead_of=block))

    assert [source.file for source in recipe.sources] == ["libc6.deb"]
    assert recipe.carried == (
        CarriedSource("glibc.dsc", dsc, "", (Origin("debian", "glibc=2.41-12"),), ("libc6.deb",)),
    )
    with pytest.raises(RecipeError, match="the recipe takes no libc6 from the toolchain"):
        load(with_lines(f"source:\n{carried}", instead_of=block))
    lacking = carried.replace(" origins: [debian: glibc=2.41-12],", "")
    with pytest.raises(RecipeError, match="lacks the key origins"):
        load(with_lines(f"source:\n  - from-toolchain: libc6\n{lacking}", instead_of=block))


def test_a_version_that_looks_like_a_number_is_read_as_written() -> None:
    assert load(with_lines("version: 1.10", instead_of="version: 1.7.1")).version.text == "1.10"


def test_the_rest_of_the_keys() -> None:
    recipe = load(
        with_lines(
            """\
outputs: {dev: [include/**, 'lib/*.a']}
links: {/usr/bin/sh: bin/jq}
replaces: [busybox]
plugins: [{path: lib/jq/*, loader: jq}]
sensitive-files: [{path: etc/profile.d/*, reason: Shells complete its options}]
host: {kernel: 5.6, features: [CONFIG_IO_URING], capabilities: [CAP_NET_RAW]}
hardening:
  waive: [{property: bind-now, files: "lib/jq/*", reason: They are loaded by hand}]
limits: {minutes: 5, memory-mb: 512}
shadows: [xz]
environment: {CFLAGS: -O3, A: 'x; rm -rf $HOME {{ version }}'}
source-epoch: 1700000000
requires: [bash, other.example/openssl]
test-needs: [bash]
"""
        )
    )

    assert recipe.outputs == (Output("dev", ("include/**", "lib/*.a")),)
    assert recipe.package_names == ("jq", "jq-dev")
    assert recipe.links == (("usr/bin/sh", "bin/jq"),)
    assert recipe.plugins == (Plugin("lib/jq/*", "jq"),)
    assert recipe.waivers == (HardeningWaiver("bind-now", "lib/jq/*", "They are loaded by hand"),)
    assert recipe.sensitive_files == (SensitiveFile("etc/profile.d/*", "Shells complete its options"),)
    assert recipe.host == HostNeeds("5.6", ("CONFIG_IO_URING",), ("CAP_NET_RAW",))
    assert recipe.limits == Limits(minutes=5, memory_mb=512)
    assert recipe.requires == ("bash", "other.example/openssl")
    assert recipe.environment == (("A", "x; rm -rf $HOME {{ version }}"), ("CFLAGS", "-O3"))
    assert recipe.tests[0].needs == ("bash",)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("bash = 5.2.37-1", "bash=5.2.37-1"),
        ("bash=5.2.37-12", "bash=5.2.37-12"),
        ("bash  =  5.2.37", "bash=5.2.37"),
        ("bash = 2.0~rc1+b-3", "bash=2.0~rc1+b-3"),
        ("'bash = 1.10 '", "bash=1.10"),
        ("other.example/openssl = 3.5-2", "other.example/openssl=3.5-2"),
        ("g++-13 = 13-1", "g++-13=13-1"),
    ],
)
def test_a_package_can_be_required_in_exactly_one_version(written: str, read: str) -> None:
    recipe = load(with_lines(f"requires: [glibc, {written}]\n"))

    assert recipe.requires == ("glibc", read)
    assert recipe.required_packages == ("glibc", read.partition("=")[0])


def test_values_with_shell_metacharacters_arrive_literally() -> None:
    nasty = "'$(touch /tmp/x) ; `id` \"q\" \\n & | > {{ version }}'"
    recipe = load(with_lines(nasty, instead_of="--with-oniguruma=yes"))

    assert recipe.steps[1].arguments == ('$(touch /tmp/x) ; `id` "q" \\n & | > 1.7.1',)
    assert recipe.steps[1].script == './configure "$@"'


def test_inline_shell_is_constant_and_takes_values_from_its_environment() -> None:
    step = "- {name: license, run: install $V, environment: {V: '{{ version }}'}}\n  - autotools"
    recipe = load(with_lines(step, instead_of="- autotools"))

    assert recipe.steps[1].name == "license"
    assert recipe.steps[1].script == "install $V"
    assert recipe.steps[1].environment == (("V", "1.7.1"),)


def test_the_digest_covers_the_text_and_the_files_that_it_names() -> None:
    with_patch = with_lines("source:\n  - file: fix.patch\n  - url", instead_of="source:\n  url")
    with_patch = with_patch.replace(b"\n  sha256", b"\n    sha256").replace(b"\n  origins", b"\n    origins")
    one = load(with_patch, {"fix.patch": b"1"})

    assert load(with_patch, {"fix.patch": b"1", "README": b"x"}).digest == one.digest
    assert load(with_patch, {"fix.patch": b"2"}).digest != one.digest
    assert load(with_patch + b"\n", {"fix.patch": b"1"}).digest != one.digest


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("build-needs: [jq]", "cannot need itself"),
        ("summary: Ends with a stop.", "without a full stop"),
        ("summary: ' '", "summary is empty"),
        ("version: -1", "not a version"),
        ("version: [1]", "version should be text or a number"),
        ("steps: []", "nothing to do"),
        ("steps: [prepare]", "no step 'prepare'"),
        ("steps: [{run: a, autotools: {}}]", "names 2"),
        ("steps: [{autotools: {configure: {a: b}}}]", "configure should be a list"),
        ("steps: [{autotools: {subdirectory: [a]}}]", "subdirectory should be text"),
        ('steps: [{autotools: {subdirectory: "a\\0b"}}]', "NUL"),
        ("steps: [{run: x, environment: {DESTDIR: /}}]", "set by the build environment"),
        ("steps: [{run: x, environment: {ARG_X: /}}]", "set by the build environment"),
        ("tests: [{run: a, name: x}, {run: b, name: x}]", "two tests are named x"),
        ("home: 'https://[::1/'", "is not a URL"),
    ],
)
def test_what_cannot_be_meant_is_refused(line: str, words: str) -> None:
    key = line.partition(":")[0].encode()
    kept, dropping = [], False
    for text in RECIPE.splitlines():
        dropping = text.startswith(key + b":") or (dropping and text.startswith(b" "))
        if not dropping:
            kept.append(text)
    with pytest.raises(RecipeError, match=words.replace("[", r"\[")):
        load(b"\n".join([*kept, line.encode()]))
