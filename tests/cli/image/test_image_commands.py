"""The image verbs as a user types them: what they print, how they end, and how they refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.client.distribution import SmallDistribution
from tests.client.layouts import add_layer
from tests.core.advisories.osv_documents import osv
from tests.foreign.neighbours import announce
from tests.oci.cosign import Cosign, needs_cosign
from tests.oci.registry_server import PROGRAM, running_registry

if TYPE_CHECKING:
    from collections.abc import Callable

    Farm = Callable[..., subprocess.CompletedProcess[str]]

COMMAND = Path(sys.executable).with_name("farm")
IMAGE = "packages: [greet, alone]\nfiles: ./app\nrun: [/app/serve]\nenv: {LANG: C.UTF-8}\nports: [8080]\n"


@pytest.fixture
def distribution(tmp_path: Path) -> SmallDistribution:
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n"})
    distribution.package("say", {"bin/say": "\x7fnot elf", "etc/say.conf": "loud\n"})
    distribution.package("alone", {"share/alone/file": "alone\n"})
    distribution.publish()
    return distribution


@pytest.fixture
def farm(distribution: SmallDistribution, tmp_path: Path) -> Farm:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "FARM_STATE": str(tmp_path / "state"),
        "FARM_HOST": str(tmp_path / "host"),
        "DOCKER_HOST": f"unix://{tmp_path}/no-docker.sock",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    assert distribution.founded is not None
    done = run("subscribe", str(distribution.public), "edge", "--fingerprint", distribution.founded.fingerprint)
    assert done.returncode == 0, done.stderr
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "serve").write_text("#!/usr/bin/say\n")
    (tmp_path / "app" / "serve").chmod(0o755)
    (tmp_path / "image.yaml").write_text(IMAGE)
    return run


def built(farm: Farm, tag: str = "x:1", *more: str) -> str:
    done = farm("image", "build", "-f", "image.yaml", "--tag", tag, "--no-load", *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[0]


def printed(farm: Farm, *arguments: str) -> Any:
    done = farm(*arguments)
    assert done.returncode in (0, 3), done.stderr
    return json.loads(done.stdout)


def test_an_image_file_makes_an_image_that_can_be_looked_into(farm: Farm) -> None:
    digest = built(farm)
    (listed,) = printed(farm, "image", "list", "--json")
    assert (listed["digest"], listed["names"]) == (digest, ["x:1"])
    shown = printed(farm, "image", "inspect", "x:1", "--json")
    assert [package["name"] for package in shown["packages"]] == [
        "dist.example.org/alone", "dist.example.org/greet", "dist.example.org/say",
    ]  # fmt: skip
    assert shown["asked"] == ["alone", "greet"]
    assert shown["releases"][0]["number"] == 1
    assert [file["path"] for file in shown["files"] if file["type"] == "file"] == ["app/serve"]
    assert shown["config"]["command"] == ["/app/serve"]
    assert shown["config"]["ports"] == ["8080/tcp"]
    lines = farm("image", "inspect", digest).stdout
    assert "dist.example.org/edge@1" in lines
    assert "  /app/serve" in lines


def test_packages_on_the_command_line_are_the_same_image_in_any_order(farm: Farm) -> None:
    digests = {
        farm("image", "build", *names, "--no-load", "--env", "A=1", "--label", "a=b", "--port", "80").stdout.split()[0]
        for names in (("say", "greet", "alone"), ("alone", "say", "greet"))
    }
    assert len(digests) == 1


def test_an_unknown_package_is_told_with_its_place_and_its_neighbours(farm: Farm, tmp_path: Path) -> None:
    (tmp_path / "image.yaml").write_text("packages:\n  - alone\n  - gret\n  - sey\n")
    done = farm("image", "build", "-f", "image.yaml", "--no-load")
    assert done.returncode == 1
    assert done.stderr == (
        "image.yaml:3:5: release 1 of edge has no package gret\n  3 |   - gret\n    |     ^^^^\n"
        "  Did you mean greet?\n\n"
        "image.yaml:4:5: release 1 of edge has no package sey\n  4 |   - sey\n    |     ^^^\n"
        "  Did you mean say?\n"
    )


def test_own_files_in_the_way_of_a_package_are_refused_until_it_is_said(farm: Farm, tmp_path: Path) -> None:
    (tmp_path / "root" / "etc").mkdir(parents=True)
    (tmp_path / "root" / "etc" / "say.conf").write_text("quiet\n")
    (tmp_path / "image.yaml").write_text("packages: [say]\nfiles: {./root: /}\n")
    done = farm("image", "build", "-f", "image.yaml", "--no-load")
    assert done.returncode == 1
    assert "one path is claimed more than once:\n      /etc/say.conf: say 1.0-1 and your own files\n" in done.stderr
    assert "write `replaces: [say]` in the image file" in done.stderr
    (tmp_path / "image.yaml").write_text("packages: [say]\nfiles: {./root: /}\nreplaces: [say]\n")
    done = farm("image", "build", "-f", "image.yaml", "--no-load", "--tag", "x:1")
    assert (done.returncode, "  1 package, 4 layers, " in done.stdout) == (0, True), done.stderr
    shown = farm("image", "inspect", "x:1").stdout
    assert ", 1 package in 4 layers\n" in shown
    assert "own files: 1, which may replace links of say\n" in shown
    assert printed(farm, "image", "inspect", "x:1", "--json")["replaces"] == ["say"]


def test_a_file_cannot_replace_what_the_image_does_not_hold(farm: Farm, tmp_path: Path) -> None:
    (tmp_path / "image.yaml").write_text("packages: [say]\nreplaces: [greet]\n")
    done = farm("image", "build", "-f", "image.yaml", "--no-load")
    assert done.returncode == 1
    assert "the image file replaces greet, and the image does not hold that" in done.stderr
    assert "It holds say." in done.stderr


@pytest.mark.parametrize("source", ["../secret", "/etc", "./link"])
def test_what_does_not_lie_beside_an_image_file_does_not_get_in(farm: Farm, tmp_path: Path, source: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "link").symlink_to("../secret")
    (tmp_path / "own" / "image.yaml").write_text(f"packages: [say]\nfiles: {{{source}: /app}}\n")
    done = farm("image", "build", "-f", "own/image.yaml", "--no-load")
    assert done.returncode == 1
    assert f"{source} is outside {tmp_path}/own, the directory of the image file" in done.stderr


def test_what_an_image_is_told_to_run_is_in_it(farm: Farm, tmp_path: Path) -> None:
    def build(text: str, *more: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "image.yaml").write_text(f"packages: [greet]\n{text}\n")
        return farm("image", "build", "-f", "image.yaml", "--no-load", *more)

    done = build("run: [gret, --loud]")
    assert done.returncode == 1
    assert done.stderr == (
        "image.yaml:2:7: the image has no command 'gret'\n  2 | run: [gret, --loud]\n    |       ^^^^\n"
        "  Did you mean greet?\n"
    )
    done = build("entrypoint: [zsh]\nrun: [say]")
    assert "image.yaml:2:14: the image has no command 'zsh'" in done.stderr
    assert "Commands of the image are greet, say." in done.stderr
    assert "help: Did you mean say?" in build("run: [greet]", "--entrypoint", "sayy").stderr
    (tmp_path / "app/notes").write_text("not to run\n")
    for words in ("[/app/notes]", "[notes]\nenv: {PATH: /app}"):
        done = build(f"files: ./app\nrun: {words}")
        assert (done.returncode, "'/app/notes' is the command of the image, and is not executable" in done.stderr) == (
            1,
            True,
        )
        assert "chmod +x notes" in done.stderr
    assert "the command of the image is a directory: '/app'" in build("files: ./app\nrun: [/app]").stderr
    done = build("run: [greet]\nworkdir: /usr/bin/say")
    assert done.returncode == 1
    assert "image.yaml:3:10: the working directory '/usr/bin/say' is a file in the image" in done.stderr
    done = build("run: [greet]\nvolumes: [/data, /usr/share]")
    assert done.returncode == 1
    assert "image.yaml:3:18: a volume at '/usr/share' would hide what the image has in /usr" in done.stderr
    for text in (
        "entrypoint: [say]\nrun: [--port, 8080]",
        "files: ./app\nrun: [./serve]\nworkdir: /app",
        "files: {./app: /opt/bin}\nrun: [serve]\nenv: {PATH: '/usr/bin:/opt/bin'}",
        "files: {./app: /bin}\nrun: [serve]",
        "imports: {/tools: greet}\nrun: [/tools/bin/greet]",
        "volumes: [/data]\nrun: [/data/serve]\nworkdir: /made/by/the/runtime",
    ):
        done = build(text)
        assert done.returncode == 0, done.stderr


def test_what_was_typed_is_judged_before_a_repository_is_asked(
    farm: Farm, distribution: SmallDistribution, tmp_path: Path
) -> None:
    distribution.public.rename(tmp_path / "gone")  # a later request to it fails with that message instead
    (tmp_path / "there").mkdir()
    (tmp_path / "policy.yaml").write_text("maximum-severity: bad\n")
    (tmp_path / "no-files.yaml").write_text("packages: [say]\nfiles: ./missing\n")
    for arguments, status, message in (
        (("--user", "a b"), 1, "'a b' is not a valid user"),
        (("--port", "http"), 1, "'http' is not a valid port"),
        (("--label", "novalue"), 2, "'novalue' is not NAME=VALUE: it has no '='"),
        (("--label", "farm.set=x"), 1, "are farm's own"),
        (("--env", "1=2"), 1, "'1' cannot name a variable"),
        (("--entrypoint", ""), 2, "begins with an empty word"),
        (("--tag", "Upper:1"), 1, "is not a name for an image"),
        (("--output", "there"), 1, "there: File exists"),
        (("--policy", "policy.yaml"), 1, "policy.yaml:1:"),
        (("-f", "no-files.yaml"), 1, "missing is not a directory"),
    ):
        done = farm("image", "build", *(() if "-f" in arguments else ("say",)), "--no-load", *arguments)
        assert (done.returncode, message in done.stderr) == (status, True), done.stderr
    assert "the repository" in farm("image", "build", "say", "--no-load").stderr


@pytest.mark.parametrize("arguments", [(), ("jq", "-f", "image.yaml")])
def test_packages_or_a_file_have_to_be_named(farm: Farm, arguments: tuple[str, ...]) -> None:
    done = farm("image", "build", *arguments)
    assert done.returncode == 2
    assert "Name packages, or an image file" in done.stderr


def test_an_update_says_what_changed_and_what_was_proven(farm: Farm, distribution: SmallDistribution) -> None:
    built(farm)
    assert farm("image", "update", "x:1", "say").stdout == "x:1: say: nothing newer\n"
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    done = farm("image", "update", "x:1", "say", "--tag", "x:2")
    assert done.returncode == 0, done.stderr
    *said, last = done.stdout.splitlines()
    assert said == [
        "say 1.0-1 → 1.1-1",
        (
            "proven, with greet depending on it: 3 packages: 1 interpreter and 4 paths fit together; "
            "not looked at: 1 script that no shell runs"
        ),
        "tested: release 2 of dist.example.org/edge, which passed its gates, holds exactly these builds with greet",
        "no package of the image is known to hold code of the old builds",
    ]
    assert last.endswith("  3 of 6 layers are new")
    shown = farm("image", "diff", "x:1", "x:2")
    assert shown.returncode == 3
    assert shown.stdout.splitlines()[:4] == [
        "1 package differs", "  say 1.0-1 → 1.1-1", "files: 1", "  changed say: bin/say",
    ]  # fmt: skip
    same = farm("image", "diff", "x:2", last.split()[0])
    assert (same.returncode, same.stdout) == (0, "no differences\n")
    assert printed(farm, "image", "diff", "x:1", "x:2", "--json")["packages"][0]["name"] == "say"
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\nnew\n"}, version="1.1")
    distribution.publish()
    both = farm("image", "update", "x:1", "say", "greet", "--tag", "x:3")
    line = (
        "tested: release 3 of dist.example.org/edge, which passed its gates, "
        "holds exactly these builds of greet and say"
    )
    assert line in both.stdout.splitlines(), both.stderr


def test_an_update_that_does_not_hold_changes_nothing(farm: Farm, distribution: SmallDistribution) -> None:
    digest = built(farm)
    distribution.package("say", {"bin/sh": "x", "bin/shout": "x"}, version="2.0")
    scripts = {"bin/greet": "#!/usr/bin/shout\n", "bin/hello": "#!/usr/bin/sh\nshout\nwhisper\n"}
    distribution.package("greet", scripts, version="2.0")
    distribution.publish()
    done = farm("image", "update", "x:1", "say")
    assert done.returncode == 1
    assert done.stderr == (
        "error: say 2.0-1 cannot go into the image:\n"
        "      greet 1.0-1: bin/greet is run by /usr/bin/say, which no package of the set provides\n"
        " help: Nothing was changed. The proof passes with greet of the same release: name it too.\n"
    )
    assert [image["digest"] for image in printed(farm, "image", "list", "--json")] == [digest]
    proven = printed(farm, "image", "update", "x:1", "say", "greet", "--json")["proven"]
    assert proven["missing-symbols"] == 0
    assert proven["commands-not-proven"] == [
        {"command": "whisper", "packages": ["greet 2.0-1"], "provided": False},
        {"command": "shout", "packages": ["greet 2.0-1"], "provided": True},
    ]


def test_a_layout_is_changed_in_place(farm: Farm, distribution: SmallDistribution, tmp_path: Path) -> None:
    before = built(farm, "x:1", "--output", "oci")
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    done = farm("image", "update", "oci", "say")
    assert done.returncode == 0, done.stderr
    after = done.stdout.splitlines()[-1].split()[0]
    assert printed(farm, "image", "inspect", "oci:1", "--json")["digest"] == after != before
    listed = json.loads((tmp_path / "oci" / "index.json").read_text())["manifests"]
    assert listed[0]["annotations"]["farm.releases"] == "dist.example.org/edge@2"


def test_a_layout_that_another_tool_copied_is_changed_too(
    farm: Farm, distribution: SmallDistribution, tmp_path: Path
) -> None:
    built(farm, "x:1", "--output", "oci")
    index = json.loads((tmp_path / "oci" / "index.json").read_text())
    index["manifests"] = [index["manifests"][0] | {"annotations": {"org.opencontainers.image.ref.name": "1"}}]
    (tmp_path / "oci" / "index.json").write_text(json.dumps(index))
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    done = farm("image", "update", "oci:1", "say")
    assert done.returncode == 0, done.stderr
    assert printed(farm, "image", "inspect", "oci:1", "--json")["releases"][0]["number"] == 2


@pytest.mark.skipif(not Path(PROGRAM).exists(), reason="needs Debian's docker-registry")
def test_a_push_sends_what_the_registry_lacks(farm: Farm, distribution: SmallDistribution, tmp_path: Path) -> None:
    digest = built(farm)
    with running_registry(tmp_path / "registry") as registry:
        done = farm("image", "push", "x:1", f"{registry.host}/tools:1", "--plain-http")
        assert done.stdout.startswith(f"{registry.host}/tools:1: {digest}, 6 of 6 layers sent, "), done.stderr
        again = farm("image", "push", "x:1", f"{registry.host}/team/tools:1", "--plain-http")
        assert f"{digest}, 0 of 6 layers sent, 0 B in all" in again.stdout, again.stderr
        refused = farm("image", "push", "x:1", "x:1")
        assert refused.returncode == 1
        assert "'x:1' names no registry" in refused.stderr


@needs_cosign
@pytest.mark.skipif(not Path(PROGRAM).exists(), reason="needs Debian's docker-registry")
def test_a_push_with_a_key_signs_what_the_image_is_made_of(farm: Farm, tmp_path: Path) -> None:
    digest = built(farm)
    assert farm("keys", "new", "ann/images").returncode == 0
    (tmp_path / "ann.pem").write_text(farm("keys", "export", "ann/images.pub", "--pem").stdout)
    with running_registry(tmp_path / "registry") as registry:
        name = f"{registry.host}/tools:1"
        done = farm("image", "push", "x:1", name, "--plain-http", "--key", "ann/images")
        assert done.returncode == 0, done.stderr
        (statement,) = Cosign(tmp_path).verify(name, tmp_path / "ann.pem")
        assert f"sha256:{statement['subject'][0]['digest']['sha256']}" == digest
        refused = farm("image", "push", "x:1", name, "--plain-http", "--key", "ann/images.pub")
        assert "it is a public key" in refused.stderr


def test_an_image_tells_its_packages_where_nothing_is_subscribed(farm: Farm, tmp_path: Path) -> None:
    digest = built(farm, "x:1", "--output", "oci")
    for place in ("state", "host"):
        (tmp_path / place).rename(tmp_path / f"{place}-gone")
    done = farm("image", "inspect", "oci", "--json")
    shown = json.loads(done.stdout)
    assert shown["digest"] == digest
    assert [package["name"].partition("/")[2] for package in shown["packages"]] == ["alone", "greet", "say"]
    assert [file["path"] for file in shown["files"] if file["type"] == "file"] == ["app/serve"]
    assert (shown["host"], shown["releases"]) == (None, [])
    assert "not on this host" in done.stderr
    assert "not known here" in farm("image", "inspect", "oci").stdout


def test_what_is_forgotten_is_not_listed(farm: Farm, distribution: SmallDistribution) -> None:
    built(farm)
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    assert farm("image", "update", "x:1", "say").returncode == 0
    assert [image["names"] for image in printed(farm, "image", "list", "--json")].count([]) == 1
    assert farm("image", "remove", "--unnamed").stdout.endswith(": forgotten\n")
    assert farm("image", "remove", "x:1").stdout == "x:1: forgotten\n"
    assert printed(farm, "image", "list", "--json") == []
    assert farm("image", "remove").returncode == 2
    assert farm("image", "remove", "x:1").returncode == 1


def test_a_name_is_taken_off_an_image_which_goes_with_the_last(farm: Farm) -> None:
    digest = built(farm, "x:1")
    for name in ("x:latest", "team/x:1"):
        built(farm, name)
    assert farm("image", "remove", "x:1", "z:1").returncode == 1
    assert farm("image", "remove", "x:1").stdout == "x:1: forgotten; the image is still named team/x:1 x:latest\n"
    assert farm("image", "remove", "x").stdout == "x: forgotten; the image is still named team/x:1\n"
    assert [image["names"] for image in printed(farm, "image", "list", "--json")] == [["team/x:1"]]
    assert farm("image", "remove", "docker.io/team/x:1").stdout == "docker.io/team/x:1: forgotten\n"
    assert printed(farm, "image", "list", "--json") == []
    for name in ("x:1", "x:2"):
        built(farm, name)
    assert farm("image", "remove", digest).stdout == "x:1 x:2: forgotten\n"


def test_layers_of_others_are_told_and_no_update_takes_them_out(
    farm: Farm, distribution: SmallDistribution, tmp_path: Path
) -> None:
    built(farm, "x:1", "--output", "oci")
    add_layer(tmp_path / "oci", b"\0" * 1024, created_by="COPY a /a")
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    before = (tmp_path / "oci" / "index.json").read_bytes()
    done = farm("image", "update", "oci", "say", "--override", "never mind")
    assert done.returncode == 1
    assert "oci has 1 layer that no package accounts for, and an update would remove:\n      COPY a /a (sha256:" in (
        done.stderr
    )
    assert "update the image that it is built FROM, and build it again" in done.stderr
    assert (tmp_path / "oci" / "index.json").read_bytes() == before
    assert "\n1 layer that no package accounts for\n  COPY a /a (sha256:" in farm("image", "inspect", "oci").stdout
    assert [layer["holds"] for layer in printed(farm, "image", "inspect", "oci", "--json")["foreign-layers"]] == [
        "COPY a /a"
    ]
    diff = farm("image", "diff", "x:1", "oci")
    assert diff.returncode == 3
    assert "layers that are of no package: 1\n  added COPY a /a (sha256:" in diff.stdout
    assert "  removed COPY a /a (sha256:" in farm("image", "diff", "oci", "x:1").stdout
    assert farm("image", "diff", "oci", "oci").returncode == 0


def test_two_packages_with_one_path_are_no_matter_of_an_override(farm: Farm, distribution: SmallDistribution) -> None:
    built(farm)
    distribution.package("say", {"bin/say": "new", "share/alone/file": "mine\n"}, version="1.1")
    distribution.publish(checked=False)
    done = farm("image", "update", "x:1", "say")
    assert (done.returncode, "share/alone/file" in done.stderr) == (1, True), done.stderr
    assert "--override" not in done.stderr


def test_an_update_obeys_the_severity_that_is_accepted(farm: Farm, distribution: SmallDistribution) -> None:
    digest = built(farm)
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    announce(distribution, osv(package="say", fixed="1.2-1"))
    done = farm("image", "update", "x:1", "say", "--max-severity", "high")
    assert done.returncode == 1
    assert "say 1.1-1 has EXAMPLE-2026-1 (critical)" in done.stderr
    assert [image["digest"] for image in printed(farm, "image", "list", "--json")] == [digest]
    assert farm("image", "update", "x:1", "say", "--max-severity", "critical").returncode == 0


def test_what_nobody_knows_is_said_so(farm: Farm) -> None:
    done = farm("image", "inspect", "y:1")
    assert done.returncode == 1
    assert "there is no image 'y:1'" in done.stderr


OWN = "packages: [say]\nimports: {/app: mine.example.org/app}\nrun: [/app/bin/serve]\n"


def test_a_directory_of_ones_own_is_a_package_that_images_share_and_update(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    (app / "bin").mkdir()
    (app / "serve").rename(app / "bin/serve").chmod(0o755)
    (app / "notes.txt").write_text("for myself\n")
    (app / ".farmignore").write_text("notes.txt\n")
    pack = ("pack", "app", "--name", "mine.example.org/app", "--version", "1.0")
    done = farm(*pack)
    assert done.stdout.startswith("mine.example.org/app 1.0-1: sha256:"), done.stderr
    assert "it requires interpreter:/usr/bin/say\n" in done.stdout
    (tmp_path / "image.yaml").write_text(OWN)
    digest = built(farm)
    shown = printed(farm, "image", "inspect", "x:1", "--json")
    (mine,) = [package for package in shown["packages"] if package["name"] == "mine.example.org/app"]
    assert (mine["channel"], mine["version"], shown["overrides"]) == ("", "1.0", [])
    assert shown["imports"] == {"/app": "mine.example.org/app"}
    assert [layer["holds"] for layer in shown["layers"] if layer["holds"].startswith("app-1.0-")] == [mine["store"]]
    # The same files again are the same package, and the same image.
    assert "mine.example.org/app 1.0-1 is unchanged" in farm(*pack).stdout
    assert built(farm, "y:1") == digest
    (app / "bin/serve").write_text("#!/usr/bin/say\nmore\n")
    assert "mine.example.org/app 1.0-2: " in farm(*pack).stdout
    announce(distribution)
    swap = ("image", "update", "x:1", "mine.example.org/app", "--tag", "x:2", "--no-load", "--json")
    judged = farm(*swap, "--max-severity", "high")
    assert (judged.returncode, "no advisories are published about mine.example.org/app" in judged.stderr) == (1, True)
    update = printed(farm, *swap)
    (change,) = update["changes"]
    assert (change["name"], change["old"]["version"], change["new"]["version"]) == (mine["name"], "1.0-1", "1.0-2")
    assert farm("image", "diff", "x:1", "x:2").returncode == 3
    assert farm("verify", "x:2").returncode == 0
    assert "about these local builds: mine.example.org/app 1.0-2" in (audit := farm("audit", "x:2")).stdout
    assert (audit.returncode, "; 1 not covered by advisories\n" in audit.stdout) == (1, True)
    (listed,) = printed(farm, "pack", "--list", "--json")
    assert (listed["package"], listed["revision"], listed["place"]) == ("mine.example.org/app", 2, str(app))
    traced = printed(farm, "provenance", "mine.example.org/app", "--image", "x:2", "--json")
    assert (traced["verified"]["release"], [source["file"] for source in traced["verified"]["sources"]]) == (
        None,
        ["app"],
    )
    # Images come and go; packed files stay until they are forgotten.
    digest = printed(farm, "image", "inspect", "x:2", "--json")["digest"]
    assert farm("image", "remove", "x:1", "x:2", "y:1").returncode == 0
    assert farm("gc").returncode == 0
    assert built(farm, "z:1") == digest


def test_what_a_package_of_ones_own_requires_is_proven_with_the_image(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path
) -> None:
    announce(distribution)
    assert farm("pack", "app", "--name", "mine.example.org/app", "--version", "1").returncode == 0
    (tmp_path / "app/bin").mkdir()
    (tmp_path / "app/bin/greet").write_text("#!/usr/bin/nothing\n")
    (tmp_path / "app/bin/greet").chmod(0o755)
    assert farm("pack", "app", "--name", "mine.example.org/bad", "--version", "1").returncode == 0
    done = farm("image", "build", "alone", "mine.example.org/bad", "--tag", "x:1", "--no-load")
    assert done.returncode == 1
    assert "mine.example.org/bad cannot go in:" in done.stderr
    assert "bin/greet is run by /usr/bin/nothing, which no package of the set provides" in done.stderr
    done = farm("image", "build", "greet", "mine.example.org/bad", "--tag", "x:1", "--no-load")
    assert "usr/bin/greet" in done.stderr
    assert farm("image", "build", "say", "mine.example.org/app", "--tag", "x:1", "--no-load").returncode == 0
    policy = tmp_path / "policy.yaml"
    for rule, message in (
        (
            "minimum-attestations: 1",
            "must be built by 1 independent builders, and was built: mine.example.org/app by 0",
        ),
        ("maximum-severity: high", "no advisories are published about mine.example.org/app"),
        ("channels: [dist.example.org/edge]", "mine.example.org/app came from a local build"),
    ):
        policy.write_text(f"{rule}\n")
        done = farm("image", "build", "say", "mine.example.org/app", "--no-load", "--policy", "policy.yaml")
        assert (done.returncode, message in done.stderr) == (1, True), done.stderr
    for arguments, status, message in (
        (("app", "--name", "dist.example.org/app", "--version", "1"), 1, "only its owner makes its packages"),
        (("app", "--name", "mine.example.org/app"), 2, "and a --version"),
        (("gone", "--name", "mine.example.org/app", "--version", "1"), 1, "is not a directory"),
        (("--forget", "mine.example.org/other"), 1, "There are mine.example.org/app, mine.example.org/bad."),
        (("app", "--list"), 2, "Name a directory, or --list"),
    ):
        done = farm("pack", *arguments)
        assert (done.returncode, message in done.stderr) == (status, True), done.stderr
    assert farm("pack", "--forget", "mine.example.org/bad").returncode == 0
    assert farm("pack", "--list").stdout.splitlines()[1].startswith("mine.example.org/app")
