"""Row 20, the terminal: no text of a channel, a farm, a recipe or a file is obeyed by a terminal.

Every verb of the command runs on a real pseudo-terminal, against a channel, a farm and files whose every free text
holds escape sequences, C1, bidi controls, line separators and invisible characters. A new verb is not covered until it
is in `ANSWERED` or `LOCAL`.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from farm.cli.main import farm as command
from tests.cli.pseudo_terminal import obeyed, on_a_terminal, text_of
from tests.docs.test_docs import verbs
from tests.farms.served import serving
from tests.threats import hostile
from tests.threats.hostile import LINE, SHOWN, TEXT, Hostile, HostileFarm
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANSWERED = {
    "advisory add": "advisory add osv.json",
    "advisory list": "advisory list",
    "advisory reviewed": "advisory reviewed",
    "advisory show": "advisory show EXAMPLE-2026-1",
    "advisory vex": "advisory vex vex.json",
    "approve": "approve stable --key ann.key --name ann --yes",
    "cancel": "cancel {job} --why x",
    "candidate list": "candidate list edge",
    "candidate retry": "candidate retry edge jq --why x",
    "candidate show": "candidate show edge",
    "channel show": "channel show",
    "package copies": "package copies glibc",
    "channel excuses": "channel excuses edge",
    "channel freeze": "channel freeze edge --why x --replace",
    "channel hold": "channel hold edge",
    "jobs": "jobs",
    "log": "log {job}",
    "git connect": "git connect other https://git.example.org/dist/other.git --forge forgejo",
    "git disconnect": "git disconnect main",
    "git set": "git set main --new-secret",
    "git list": "git list",
    "git preview": f"git preview main 1 --commit {'a' * 40}",
    "git show": "git show main",
    "git sync": "git sync main",
    "notify add": "notify add https://hooks.example.org/x",
    "notify list": "notify list",
    "notify remove": "notify remove 1",
    "notify test": "notify test 2",
    "channel order list": "channel order list stable",
    "channel order withdraw": "channel order withdraw stable 1 --why x",
    "channel promote": "channel promote edge stable --why x",
    "release diff": "release diff edge 1 2",
    "release list": "release list edge",
    "release show": "release show edge 2",
    "channel report": "channel report edge",
    "retry": "retry {job}",
    "channel rollback": "channel rollback edge 1 --why x",
    "submission accept": "submission accept 1 --key ann.key --name ann --yes",
    "submission list": "submission list",
    "submission show": "submission show 1",
    "submission withdraw": "submission withdraw 1 --why x",
    "submit": "submit recipes/packages/good",
    "channel thaw": "channel thaw edge",
    "channel trail": "channel trail",
    "watch": "watch --once --submission 5",
}
"""Verbs that ask a farm, each run against one that answers with such texts, and one that refuses with them."""
QUIET = {
    "advisory reviewed", "channel freeze", "channel thaw", "image list", "images", "notify test", "package copies",
    "release list", "release show",
}  # fmt: skip
"""Verbs whose output on success holds only names, versions, digests and farm's own words."""
LOCAL = {
    "audit": ["audit", "audit --root {root}", "audit img:1", "audit --channel dist.example.org/edge --format json"],
    "build": ["build good", "build {text}"],
    "diff": ["diff parse@edge {text}", "diff {text}", "diff edge@1", "diff parse@edge say@edge --content share/{evil}"],
    "files": ["files {text}", "files --provides {text}"],
    "gc": ["gc --dry-run", "gc --root {text}"],
    "graph": ["graph parse --run", "graph {text} --run", "graph good", "graph --all --run --dot"],
    "image build": ["image build {text}", "image build -f {file}", "image build parse --tag again:1 --no-load"],
    "image diff": ["image diff img:1 img:2", "image diff {text} img:1"],
    "image inspect": ["image inspect img:1", "image inspect img:2", "image inspect {text}"],
    "image list": ["image list"],
    "image push": ["image push img:1 {text}", "image push {text}"],
    "completion": ["completion {text}"],
    "image remove": ["image remove {text}"],
    "image update": ["image update img:1 {text}", "image update img:1 say --to 1.0 --no-load"],
    "images": ["images", "images --holding say"],
    "info": ["info parse", "info say", "info {text}"],
    "install": ["install --root {root} {text}", "install --root {root} --dry-run pack"],
    "kept": ["kept", "kept {text}"],
    "keys allow": ["keys allow --repository {text} --keys {text} {text}"],
    "keys dns": ["keys dns {text} --address {text} --root {text}"],
    "keys draft root": ["keys draft root --repository {text}"],
    "keys draft targets": ["keys draft targets --repository {text}"],
    "keys export": ["keys export {text}"],
    "keys init": ["keys init --repository {text} --keys {text}"],
    "keys me": ["keys me --name {text}"],
    "keys new": ["keys new {text}.key"],
    "keys publish": ["keys publish {text} --repository {text} --online {text}"],
    "keys ledger": ["keys ledger {text}", "keys ledger {file}"],
    "keys show": ["keys show {text}", "keys show {file}"],
    "keys sign": ["keys sign {text} --key {text} --yes"],
    "lint": ["lint", "lint --recipes {text}"],
    "list": ["list --root {root}", "list --root {root} --generations", "list --root {text}"],
    "lock": ["lock --root {root}", "lock {text}"],
    "mirror": ["mirror {text}.mirror --channel dist.example.org/edge", "mirror m --channel {text}"],
    "override add": ["override add say=dist.example.org/edge:{text} --why x"],
    "override list": ["override list"],
    "override remove": ["override remove {text}"],
    "package owners": ["package owners {text}", "package owners --recipes {text}"],
    "patch": ["patch {text}", "patch good {text}"],
    "pack": ["pack --list", "pack {text}", "pack {text} --name mine.example.org/own --version 1"],
    "plan": ["plan {text}"],
    "policy check": ["policy check {root} --policy policy.yaml", "policy check img:1 --policy {file}"],
    "provenance": ["provenance parse", "provenance --root {root} say", "provenance {root}/usr/share/{evil}"],
    "schema": ["schema {text}", "schema recipe --recipes {text}", "schema --write {text}"],
    "rebuild": ["rebuild --check {text}"],
    "remove": ["remove --root {root} {text}"],
    "rollback": ["rollback --root {root}", "rollback --root {text}"],
    "run": ["run --offline {text}", "run -f {file}", "run say --env {text}"],
    "sbom": ["sbom {text}", "sbom own"],
    "search": ["search", "search {text}"],
    "shell": ["shell {text} -- true", "shell {job} -- true"],
    "source": ["source parse --output {text}.source"],
    "subscribe": ["subscribe {text}.none edge --fingerprint {fingerprint}"],
    "subscriptions": ["subscriptions"],
    "subscriptions set": ["subscriptions set {text} --priority 1"],
    "test": ["test {text}", "test --list {text}", "test good --list --only {text}"],
    "toolchain list": ["toolchain list", "toolchain list --recipes {text}"],
    "toolchain lock": ["toolchain lock {text}"],
    "toolchain show": ["toolchain show {text}", "toolchain show {text} --commands"],
    "toolchain prepare": ["toolchain prepare {text}"],
    "unsubscribe": ["unsubscribe {text}"],
    "up": ["up"],
    "upgrade": ["upgrade --root {root} --dry-run", "upgrade --root {text}"],
    "verify": ["verify --root {root}", "verify {text}", "verify --cache"],
    "why": ["why --reverse say", "why say --root {root}", "why --reverse {text}"],
}  # fmt: skip
"""All other verbs, each with command lines; `{text}` is a user's word that is as hostile as the rest."""


@dataclass(frozen=True)
class World:
    """A user's directory with its files, and the farm that it uses."""

    home: Path
    environment: dict[str, str]
    words: dict[str, str]
    farm: Hostile

    def arguments(self, line: str) -> tuple[str, ...]:
        return tuple(re.sub(r"\{(\w+)\}", lambda found: self.words[found[1]], word) for word in shlex.split(line))

    def run(self, line: str, **changes: str) -> str:
        """Return what a terminal receives; asserts that none of it is obeyed, and that nothing imitates our output."""
        text = text_of(on_a_terminal(self.arguments(line), self.environment | changes, self.home))
        assert obeyed(text) == [], line
        assert not re.search(r"^(?:error: forged| help: forged)", text, re.MULTILINE), f"{line}: {text}"
        return text


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("hostile")
    made = hostile.channel(home / f"channel {LINE}")
    assert made.founded is not None
    farm = HostileFarm(home / "farm")
    shutil.copyfile(farm.key, home / "ann.key")
    files = {
        "osv.json": hostile.osv(package="jq", summary=TEXT, id="EXAMPLE-2026-1").decode(),
        "vex.json": hostile.openvex(impact_statement=TEXT).decode(),
        "policy.yaml": f"channels: [{json.dumps(TEXT)}]\n",
        f"file {LINE}": f"packages: [{json.dumps(TEXT)}]\n{json.dumps(TEXT)}: 1\n",
        "own/share/own": "x",
        f"own/share/{LINE.replace('/', '')}": "x",
        "recipes/packages/good/recipe.yaml": f"name: good\nsummary: {json.dumps(TEXT)}\n{json.dumps(TEXT)}: [1\n",
        f"recipes/steps/{LINE}.yaml": "x: y",
    }
    for path, content in files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(content)
    application = Hostile(create_app(farm.application))
    with serving(application) as url:
        environment = hostile.environment(home, url, farm.token)
        words = {
            "job": str(farm.job), "text": TEXT, "file": f"file {LINE}", "root": f"root {LINE}", "own": "own",
            "fingerprint": made.founded.fingerprint, "evil": "\u202eevil\u2028",
        }  # fmt: skip
        there = World(home, environment, words, application)
        for line in (
            f"subscribe '{made.public}' edge --fingerprint {{fingerprint}}",
            "install --root {root} parse",
            "image build parse --tag img:1 --no-load --label x={text}",
            "image build say --tag img:2 --no-load",
            "pack --name mine.example.org/own --version 1 --summary {text} --license {text} plain",
            "override add pack=dist.example.org/edge:say --why {text}",
            "advisory add osv.json",
            "notify add https://hooks.example.org/1",
            "notify add https://hooks.example.org/2",
            "channel promote edge stable --why {text}",
            "channel freeze edge --why {text}",
        ):
            (home / "plain/share").mkdir(parents=True, exist_ok=True)
            (home / "plain/share/x").write_text("x")
            assert not re.search("^error:", said := there.run(line), re.IGNORECASE | re.MULTILINE), said
        yield there


def names() -> set[str]:
    listing = {"subscriptions"}  # a group that also runs as a command
    return listing | {" ".join(words[1:]) for words, _ in verbs(command)}


def test_every_verb_is_tried() -> None:
    assert ANSWERED.keys() | LOCAL.keys() == names()
    assert not ANSWERED.keys() & LOCAL.keys()


@pytest.mark.parametrize("verb", sorted(LOCAL))
def test_nothing_that_a_channel_or_a_file_holds_is_obeyed(world: World, verb: str) -> None:
    with ThreadPoolExecutor(2) as running:
        shown = [*running.map(world.run, LOCAL[verb])]
    assert any(SHOWN in text for text in shown) == (verb not in QUIET), shown


@pytest.mark.parametrize("verb", sorted(ANSWERED))
def test_nothing_that_a_farm_answers_or_refuses_with_is_obeyed(world: World, verb: str) -> None:
    shown = world.run(ANSWERED[verb])
    assert (SHOWN in shown) == (verb not in QUIET), shown
    world.farm.refuses = True
    try:
        refused = world.run(ANSWERED[verb])
    finally:
        world.farm.refuses = False
    assert f"error: {SHOWN}" in refused
    assert "\n    error: forged\\r\n" in refused


@pytest.mark.parametrize("line", ["channel show --json", "jobs --json", "log {job} --json", "search --json"])
def test_json_on_a_terminal_is_ascii_and_whole(world: World, line: str) -> None:
    shown = world.run(line)
    assert shown.isascii()
    assert f"\\u001b]0;{hostile.MARK}\\u0007" in shown
    for document in shown.splitlines() if line.startswith("log") else [shown]:
        json.loads(document)


def test_what_moves_on_a_terminal_is_all_of_farms_own(world: World) -> None:
    """A progress line is overwritten in place; it shows only farm's own words about what is fetched."""
    arrived = on_a_terminal(
        world.arguments("install --root other pack"),
        world.environment | {"TERM": "xterm-256color", "FARM_HOST": str(world.home / "empty")},
        world.home,
    )
    assert b"\x1b[K" in arrived  # the line is overwritten while it moves
    moved = re.sub(rb"\x1b\[(?:\?25[lh]|[012]?K|\d*A|[\d;]*m)|\r", b"", arrived)
    assert obeyed(moved.decode()) == []
