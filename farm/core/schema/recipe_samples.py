"""Samples of a recipe, with every key; a tree's own steps are added to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Collection

    from farm.core.recipe.steps import StepArgument, StepLibrary

BESIDE = {"words.txt": b""}
_TOOLCHAIN = "toolchain: c\n"
_DIGEST = "fc75b1824aba7a954ef0886371d951c3bf4b6e0a921d1aefc553f309702d6ed1"

_WHOLE = f"""\
# the package's name inside the distribution; also the name of the directory
name: sample
# the upstream version: a digit, then letters, digits, ., +, ~
version: "1"
# a counter for changes of the recipe without a new version
revision: 1
# one phrase, without a full stop
summary: Sample
# SPDX expression in its canonical spelling
license: MIT
# the project's page
home: https://example.org
# one source or a list of them
source:
  - # where the file is fetched
    url: https://example.org/a.tar.gz
    # the identity of the file: 64 lower-case hexadecimal digits
    sha256: {_DIGEST}
    # other places for the same bytes
    origins:
      - # a Debian source package: jq, or jq=1.7.1-6
        debian: jq
      - # a release on PyPI: name==version
        pypi: a==1
      - url: https://example.org/a
    # the file's name in /sources, where the last part of the URL is unsuitable; or a file beside the recipe
    file: a.tar.gz
    # whether the archive is unpacked
    unpack: true
  - # a Debian package of the toolchain's lock
    from-toolchain: libc6
  - file: words.txt
  - file: c.tar.gz
    sha256: {_DIGEST}
    origins: [debian: jq]
    # the packages of the toolchain that Debian built from this file
    source-of: [libc6]
# the value of SOURCE_DATE_EPOCH in the build, in seconds
source-epoch: 1704067200
# the toolchain of the build
{_TOOLCHAIN}# build dependencies
build-needs: [zlib]
# packages needed at run time beyond those found in the files
requires: [bash]
# commands of build-needs that replace those of the toolchain in the build
shadows: [xz]
# variables of all steps
environment: {{A: b}}
# the build steps
steps: []
# parts that become packages of their own
outputs:
  # the paths that are in it
  dev: [include/**]
  scripts:
    # the paths that are in it
    files: [bin/zgrep]
    # packages that it needs at run time beyond those found in its files
    requires: [a]
# links in addition to the standard ones
links: {{/usr/bin/a: bin/b}}
# packages whose paths this one may take over
replaces: [other]
# files that only one program loads
plugins:
  - {{path: lib/a/*, loader: bash}}
# files that affect programs of other packages, logins or the machine, each with the reason
sensitive-files:
  - {{path: etc/passwd, reason: Why}}
# requirements on the host
host:
  # the minimum version of the kernel
  kernel: "6.1"
  # kernel options: CONFIG_NAME
  features: [CONFIG_X]
  # capabilities: CAP_NAME
  capabilities: [CAP_NET_RAW]
  # devices: /dev/kvm
  devices: [/dev/kvm]
# waive: which properties which files lack, and why
hardening:
  waive:
    - property: pie
      # a glob over paths of the package
      files: bin/a
      # why these files do without it
      reason: Why
# minutes, memory-mb, output-mb, processes, log-mb
limits: {{minutes: 30, memory-mb: 64, output-mb: 1, processes: 16, log-mb: 1}}
# commands that use what was built
tests:
  - # shell text for /bin/sh -eu; name a shell in needs
    run: "true"
    # the expected output, ignoring white space around it
    prints: "1"
    # a regular expression that must match in the output
    matches: "1"
    # the expected exit status, 0 by default
    exit: 0
    # the name of the test
    name: it works
    # the packages it needs
    needs: [bash]
    # its time limit
    minutes: 5
  - # a program and its arguments, instead of run
    command: [sample]
# packages that every test needs in addition to this package's own closure
test-needs: [bash]
# what farm lint is not to report, each with the reason
lint:
  - # the code of a rule, or of a check of shellcheck
    allow: T101
    # why the rule does not apply here
    reason: Why
"""
_RUN = "steps:\n  - # shell text, run by bash -eu in /build/src\n    run: make\n    name: a\n    environment: {A: b}\n"
_ONE_SOURCE = f"""\
source:
  url: https://example.org/a.tar.gz
  sha256: {_DIGEST}
  origins: [debian: jq, pypi: a==1, url: "https://example.org/a"]
  file: a.tar.gz
  unpack: true
"""
_OF_THE_TOOLCHAIN = "source: {from-toolchain: libc6}\n"


def recipe_samples(library: StepLibrary, toolchains: Collection[str] = ()) -> tuple[str, ...]:
    """Return texts that show every form of a recipe, with these steps, and with one of these toolchains."""
    sample = _WHOLE.replace(_TOOLCHAIN, f"toolchain: {min(toolchains)}\n") if toolchains else _WHOLE
    whole = sample.replace("steps: []\n", _RUN + "".join(_step(library, name) for name in library.nameable))
    head, _, rest = sample.replace("steps: []\n", _RUN).partition("source:\n")
    rest = rest[rest.index("# the value of SOURCE_DATE_EPOCH") :]
    return whole, *(head + source + rest for source in (_ONE_SOURCE, _OF_THE_TOOLCHAIN))


def _step(library: StepLibrary, name: str) -> str:
    """Return a step in all of its forms: its name alone, without arguments, and with all of them."""
    definition = library.definitions[name]
    lines = [f"  - {name}", f"  - {name}:", "    environment: {A: b}"]
    # Of a step that takes none, an empty mapping has all of them.
    lines += [f"  - # {definition.summary}", f"    {name}:{'' if definition.arguments else ' {}'}"]
    for argument in definition.arguments:
        lines += [f"      # {argument.summary}", f"      {argument.name}: {_value(argument)}"]
    return "\n".join([*lines, ""])


def _value(argument: StepArgument) -> str:
    values = {"string": "text", "boolean": True, "integer": 1, "strings": ["text"]}
    return yaml.safe_dump(values[argument.type], default_flow_style=True).partition("\n")[0]
