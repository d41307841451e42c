"""Samples of the other files that people write, with every key and every form of a value."""

from __future__ import annotations

CHANNEL = (
    """\
# the channel that candidates come from
from: edge
# the checks
gates:
  - proof
  - # no package gets a library with another interface than the library that it was built against
    abi: {}
  - # package tests, each in a container of its own closure within the candidate
    tests: {of: all}
  - # this many workers, including the first, built the same package
    reproduced: {agree: 2}
  - # the newest release of the channel in from has had this very build for this long
    soak: 24h
  - # this many different people of a group have signed for this very build on this channel
    approvals: {of: curators, count: 1}
  - # the package's SPDX expression
    licenses: {deny: [MIT]}
  - # no advisory of this severity or worse applies to the package
    advisories: {block: high}
  - # what the package requires of its host
    host: {kernel: "6.1", features: [CONFIG_X], capabilities: [CAP_NET_RAW]}
  - # every program and library is hardened, or the recipe waives the property with a reason
    hardening: {}
# what is built again when a package changes
rebuild: always
# the TUF role that signs the channel's releases
role: sample
# the shortest time between two releases
cadence: 1h
# packages that move together, all in one release or none
transitions:
  - {name: a, packages: [b, c]}
""",
    "gates:\n  - # the set as a whole\n    proof: {}\n  - licenses: {allow: [MIT]}\n",
)

IMAGE = (
    """\
# the packages of the image, in any order; their dependencies come along
packages: [curl]
# your own directory next to the image file
files: ./app
# the command that runs by default
run: [curl, 1, true]
# words that always come first
entrypoint: [env]
# variables of the environment
env: {A: b}
# the user, and group, of the command
user: 65534:65534
# the working directory of the command
workdir: /app
# labels of the image
labels: {org.example.x: y}
# ports that the command listens on
ports: [8080, 53/udp]
# paths that a container can write to
volumes: [/data]
# the subscription, if there are several
channel: dist.example.org/stable
# packages whose paths your own files may take over
replaces: [bash]
# packages at paths of your choice
imports: {/opt/tools: jq}
""",
    "packages: [curl]\nfiles: {./app: /app}\ncommand: [curl]\n",
)

TOOLCHAIN = (
    """\
# the Debian suite that the packages come from
suite: trixie
# the requested packages, by name; what they depend on comes along, and recommended packages do not
packages: [gcc]
# path-exclude patterns of dpkg: /usr/share/man/*
excludes: [/usr/share/man/*]
# globs of files to delete after the installation, relative to the root: var/log/*
removes: [var/log/*]
# packages of the distribution that programs need at run time when they are built in the toolchain
runtime: [glibc]
""",
)

STEP = (
    """\
# the step's name, that of its file
name: sample
# one phrase that says what the step does
summary: Sample
# what recipes can give to the step
arguments:
  a: {type: string, default: text, summary: Text}
  b: {type: boolean, default: true, summary: True or false}
  c: {type: integer, default: 1, summary: A number}
  d: {type: strings, default: [text], summary: Some texts}
# the shell texts, in their order
run:
  - name: first
    # text for bash -eu; a scalar argument is the variable ARG_NAME
    shell: make
    # the argument of type strings that is its "$@"
    arguments: d
# first or last: every recipe has the step there, and cannot name it
automatic: first
# variables of flags that all steps see; of an automatic step only
flags:
  CFLAGS: [-O2, {amd64: -mx, arm64: -my, riscv64: -mz}]
# the former name of the step
formerly: old
""",
)

DISTRIBUTION = (
    """\
# the domain that all package names begin with, a lower-case DNS name
domain: dist.example.org
# one line about the distribution
summary: Sample
""",
)

DISTRIBUTIONS = (
    """\
other.example:
  # the http(s) URL of its repository
  address: https://other.example/tuf
  # the channel that packages are imported from
  channel: stable
  # the fingerprint of its root metadata
  root: sha256:fc75b1824aba7a954ef0886371d951c3bf4b6e0a921d1aefc553f309702d6ed1
""",
)

CURATORS = (
    """\
curators:
  alice: 3f5c9a0d2e6b81f47c90e1d2b3a4958677889900aabbccddeeff001122334455
""",
)

POLICY = (
    """\
# the channels that packages may come from; a local build comes from no channel
channels: [dist.example.org/stable]
# the worst severity of an advisory that is accepted
maximum-severity: high
# the longest time, such as 30d, since a signed review of each package for vulnerabilities
reviewed-within: 30d
# allowed or forbidden
overrides: forbidden
# how many allowed builders must each have built each package to the same bytes
minimum-attestations: 2
# those that a set may need; an empty list is none
capabilities: [CAP_NET_RAW]
""",
)
