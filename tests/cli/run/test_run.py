"""`farm run` as a user types it: in bubblewrap, as root and as an unprivileged user; and in Docker, with one view."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.core.names.declared import HostNeeds
from tests.client.distribution import SmallDistribution
from tests.client.host_shell import MOUNT, program, shell
from tests.oci.packages import printing_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMMAND = Path(sys.executable).with_name("farm")
NOBODY = 65534
_EVERYWHERE = (
    pytest.param(("bubblewrap", "root"), id="bubblewrap-root"),
    pytest.param(("bubblewrap", "nobody"), id="bubblewrap-nobody"),
    pytest.param(("docker", "root"), id="docker", marks=pytest.mark.docker),
)
_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")
_MAY_NOT = not _NAMESPACES.exists() or _NAMESPACES.read_text().strip() == "0"


@dataclass
class Person:
    """A user who follows a small distribution, with a directory of his own."""

    home: Path
    distribution: SmallDistribution
    engine: str
    prefix: Sequence[str]
    no_docker: bool
    place: Path

    def command(self, *words: str) -> list[str]:
        return [*self.prefix, str(COMMAND), *words]

    def environment(self) -> dict[str, str]:
        docker = {"DOCKER_HOST": f"unix://{self.home}/no.sock"} if self.no_docker else {}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "FARM_STATE": str(self.home / "state"),
            "FARM_HOST": str(self.home / "host"),
        } | docker

    def farm(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), env=self.environment(), cwd=self.place, capture_output=True, text=True, check=False
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.farm("run", "--with", self.engine, *words)

    def runs(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.home / "state/runs.jsonl").read_text().splitlines()]


def _person(engine: str, who: str, home: Path) -> Person:
    if engine == "bubblewrap" and (_MAY_NOT or shutil.which("bwrap") is None):
        pytest.skip("user namespaces are off here, or bubblewrap is not installed")
    if os.geteuid() != 0 and (who == "root" or engine == "docker"):
        pytest.skip("needs root")
    distribution = SmallDistribution(home / "distribution")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n", "share/greet/words": "hello\n"})
    distribution.package("say", {"bin/say": "\x7fnot elf", "etc/say.conf": "loud\n"})
    distribution.publish()
    prefix: tuple[str, ...] = ()
    if who == "nobody" and os.geteuid() == 0:
        prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        for path in (home, *home.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    person = Person(home, distribution, engine, prefix, no_docker=engine == "bubblewrap", place=home)
    assert distribution.founded is not None
    done = person.farm("subscribe", str(distribution.public), "edge", "--fingerprint", distribution.founded.fingerprint)
    assert done.returncode == 0, done.stderr
    return person


@pytest.fixture(params=_EVERYWHERE, scope="module")
def somebody(request: pytest.FixtureRequest) -> Iterator[Person]:
    # Not below pytest's own directory, which other users cannot enter.
    with tempfile.TemporaryDirectory(prefix="farm-run-") as name:
        home = Path(name)
        home.chmod(0o755)
        engine, who = request.param
        yield _person(engine, who, home)


@pytest.fixture
def person(somebody: Person) -> Person:
    """A user with an empty directory to work in."""
    place = Path(tempfile.mkdtemp(dir=somebody.home))
    place.chmod(0o755)
    return replace(somebody, place=place)


def own_program(person: Person, *, below: str = "app") -> Path:
    folder = person.place / below
    folder.mkdir(parents=True)
    (folder / "serve").write_bytes(printing_program(b"served"))
    (folder / "serve").chmod(0o755)
    return folder


def test_the_view_is_read_only_without_network_and_privilege(person: Person) -> None:
    script = (
        "@ls -l /usr/bin /etc/say.conf | while read mode n u g s d1 d2 d3 rest; do echo $mode $rest; done; @ls /; "
        "for place in / /etc /usr /usr/bin /packages/*; do (: > $place/x) 2>&- && echo wrote $place; done; "
        ": > /tmp/x && echo wrote /tmp; while read name rest; do case $name in Uid:|Gid:|Cap*|NoNewPrivs:) "
        "echo $name $rest;; esac; done < /proc/self/status; "
        "while read name rest; do echo net $name; done < /proc/net/dev; "
        "echo $HOME $PATH $LANG $MINE; while read line; do echo $line; done < /etc/hosts"
    )
    done = person.run("greet", "--env", "MINE=a b", *MOUNT, "--", *shell(script))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("lrwxrwxrwx greet -> /packages/greet-1.0-") for line in lines)
    assert [line for line in lines if line.startswith("wrote")] == ["wrote /tmp"]
    assert {"Uid: 65534 65534 65534 65534", "Gid: 65534 65534 65534 65534", "NoNewPrivs: 1"} <= set(lines)
    capabilities = [line.split() for line in lines if line.startswith("Cap")]
    assert [value for _, value in capabilities] == ["0" * 16] * 5
    assert [line for line in lines if line.startswith("net") and line.endswith(":")] == ["net lo:"]
    assert "/tmp /usr/bin:/usr/sbin C.UTF-8 a b" in lines
    assert {"packages", "usr", "etc", "tmp", "bin", "lib64", "host-usr"} <= set(lines)


def test_nothing_of_the_host_is_left_open(person: Person) -> None:
    done = person.run("say", *MOUNT, "--", *shell("@ls /proc/self/fd; for each in /proc/[0-9]*; do echo $each; done"))
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    assert [word for word in words if word.isdecimal()] == ["0", "1", "2", "3"]  # 3 is the directory that ls reads
    assert len([word for word in words if word.startswith("/proc/")]) <= 3


@pytest.mark.parametrize(("script", "status"), [("exit 7", 7), ("kill -TERM $$; sleep 9", 143), ("exit 0", 0)])
def test_the_exit_status_is_the_commands(person: Person, script: str, status: int) -> None:
    if person.engine == "docker" and status == 143:
        script = "exit 143"  # process 1 of a container cannot end itself by a signal
    assert person.run("say", *MOUNT, "--", *shell(script)).returncode == status


@pytest.mark.parametrize(
    ("command", "status"),
    [("nosuch", 127), ("/packages/nosuch", 127), ("/etc/say.conf", 126), ("/usr", 126), ("greet", 0)],
)
def test_a_command_that_cannot_be_started_is_told_from_one_that_fails(
    person: Person, command: str, status: int
) -> None:
    done = person.run("greet", *MOUNT, "--", command)
    assert (done.returncode if status else 0) == status, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_reach_the_command(person: Person, number: signal.Signals) -> None:
    script = "trap 'echo caught; exit 5' TERM INT USR1; echo ready; while :; do @sleep 0.05 ; done"
    words = person.command("run", "--with", person.engine, "say", *MOUNT, "--", *shell(script))
    process = subprocess.Popen(words, env=person.environment(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert (process.stdout.read(), process.wait()) == ("caught\n", 5)


def test_what_runs_ends_with_the_command_that_started_it(person: Person) -> None:
    if person.engine == "docker":
        pytest.skip("Docker's containers outlive a killed command")
    words = person.command("run", "--with", person.engine, "say", *MOUNT, "--", *shell("echo $$; exec @sleep 1000"))
    process = subprocess.Popen(words, env=person.environment(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    # The pipe ends when the last process that holds it ends.
    assert process.stdout.read() == ""
    process.wait()


def test_an_image_file_runs_without_an_image(person: Person) -> None:
    own_program(person)
    (person.place / "app" / ".git").mkdir()
    (person.place / "app" / ".git" / "config").write_text("secret")
    (person.place / "image.yaml").write_text(
        "packages: [greet]\nfiles: ./app\nrun: [/app/serve]\nenv: {GREETING: from the file}\nworkdir: /app\n"
        "volumes: [/var/lib/app]\nuser: 1234:1235\n"
    )
    done = person.run("-f", "image.yaml")
    assert (done.returncode, done.stdout) == (0, "served"), done.stderr
    script = (
        "@ls /app /app/.git; : > /var/lib/app/x && echo wrote; echo $GREETING $PWD; (: > /app/x) 2>&- || echo fixed; "
        "while read name rest; do case $name in Uid:|Gid:) echo $name $rest;; esac; done < /proc/self/status"
    )
    done = person.run("-f", "image.yaml", *MOUNT, "--", *shell(script))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "/app:", "serve", "", "/app/.git:", "wrote", "from the file /app", "fixed",
        "Uid: 1234 1234 1234 1234", "Gid: 1235 1235 1235 1235",
    ]  # fmt: skip


def test_own_files_lie_among_the_links(person: Person) -> None:
    own_program(person, below="rootfs/usr/bin")
    (person.place / "rootfs/etc").mkdir()
    (person.place / "rootfs/etc/own.conf").write_text("own\n")
    (person.place / "rootfs/srv").mkdir()
    (person.place / "rootfs/srv/data").write_text("data\n")
    (person.place / "image.yaml").write_text("packages: [greet]\nfiles: {./rootfs: /}\nrun: [serve]\n")
    done = person.run("-f", "image.yaml")
    assert (done.returncode, done.stdout) == (0, "served"), done.stderr
    script = "for each in /etc/own.conf /srv/data /etc/say.conf; do read line < $each; echo $line; done"
    assert person.run("-f", "image.yaml", *MOUNT, "--", *shell(script)).stdout.split() == ["own", "data", "loud"]


def test_what_is_ignored_is_seen_empty(person: Person) -> None:
    own_program(person, below="app")
    for path, content in ((".farmignore", "secret.env\ncache/\n"), ("secret.env", "x\n"), ("cache/x", "x\n")):
        (person.place / "app" / path).parent.mkdir(exist_ok=True)
        (person.place / "app" / path).write_text(content)
    (person.place / "image.yaml").write_text("packages: [say]\nfiles: ./app\nrun: [/app/serve]\n")
    script = "cd /app; for each in secret.env .farmignore cache/x; do [ -s $each ] && echo $each; done; echo done"
    done = person.run("-f", "image.yaml", *MOUNT, "--", *shell(script))
    assert done.stdout == "done\n", done.stderr


def test_a_directory_that_was_packed_runs_like_a_package(person: Person) -> None:
    own_program(person, below="app")
    done = person.farm("pack", "app", "--name", "mine.example.org/app", "--version", "1")
    assert done.returncode == 0, done.stderr
    (person.place / "image.yaml").write_text(
        "packages: [say]\nimports: {/app: mine.example.org/app}\nrun: [/app/serve]\n"
    )
    done = person.run("-f", "image.yaml")
    assert (done.returncode, done.stdout) == (0, "served"), done.stderr


def test_a_package_is_seen_at_a_path_of_ones_choice(person: Person) -> None:
    (person.place / "image.yaml").write_text(
        "packages: [say]\nimports: {/opt/greet: greet, /usr/share/words: 'greet:share/greet'}\nrun: [say]\n"
    )
    script = "for file in /opt/greet/share/greet/words /usr/share/words/words; do read line < $file; echo $line; done"
    done = person.run("-f", "image.yaml", *MOUNT, "--", *shell(script))
    assert done.stdout == "hello\nhello\n", done.stderr


def test_own_files_win_over_no_package(person: Person) -> None:
    own_program(person, below="rootfs/usr/bin")
    (person.place / "rootfs/usr/bin/serve").rename(person.place / "rootfs/usr/bin/say")
    file = person.place / "image.yaml"
    file.write_text("packages: [greet]\nfiles: {./rootfs: /}\nrun: [say]\n")
    done = person.run("-f", "image.yaml")
    assert done.returncode == 1
    assert "/usr/bin/say: say 1.0-1 and your own files" in done.stderr
    assert "write `replaces: [say]`" in done.stderr
    file.write_text(file.read_text() + "replaces: [say]\n")
    assert person.run("-f", "image.yaml").stdout == "served"


def test_what_ran_is_recorded_with_its_release(person: Person) -> None:
    person.run("greet", *MOUNT, "--", *shell("exit 0"))
    recorded = person.runs()[-1]
    assert recorded["engine"] == person.engine
    record = recorded["record"]
    assert isinstance(record, dict)
    assert [package["name"] for package in record["packages"]] == ["dist.example.org/greet", "dist.example.org/say"]
    assert record["asked"] == ["greet"]
    assert [release["number"] for release in record["releases"]] == [1]
    stderr = person.run("greet", "--verbose", *MOUNT, "--", *shell("exit 0")).stderr
    assert f"set {recorded['set']} of dist.example.org/edge@1, with {person.engine}; privileges granted: none" in stderr


def test_a_fix_in_the_channel_reaches_the_next_start(person: Person) -> None:
    read = shell("read line < /etc/say.conf; echo $line")
    assert person.run("say", *MOUNT, "--", *read).stdout == "loud\n"
    person.distribution.package("say", {"bin/say": "new", "etc/say.conf": "louder\n"}, version="1.1")
    person.distribution.publish()
    for path in person.distribution.folder.rglob("*"):
        os.chown(path, person.home.stat().st_uid, person.home.stat().st_gid)
    assert person.run("say", *MOUNT, "--", *read).stdout == "louder\n"
    assert len({str(run["set"]) for run in person.runs()[-2:]}) == 2


def shared(person: Person) -> Path:
    """A directory that the user of a run may write to: his own outside, or everybody's."""
    folder = person.place / "data"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def test_what_a_run_may_write_stays_and_is_its_users(person: Person) -> None:
    folder = shared(person)
    (person.place / "image.yaml").write_text("packages: [say]\nimports: {/opt/greet: greet}\nrun: [say]\n")
    script = (
        "echo kept > /data/x; while read id parent device root place options rest; do case $place in "
        "/proc*|/dev*|/sys*|/etc/*) ;; *) case $options in rw*) echo $place;; esac;; esac; done < /proc/self/mountinfo"
    )
    mounts = ("--mount", "./data:/data:rw", "--mount", "./data:/fixed", *MOUNT)
    done = person.run("-f", "image.yaml", "--verbose", *mounts, "--", *shell(script))
    assert (done.returncode, sorted(done.stdout.split())) == (0, ["/data", "/tmp"]), done.stderr
    assert f"privileges granted: writing {folder}\n" in done.stderr
    assert (folder / "x").read_text() == "kept\n"
    assert (folder / "x").stat().st_uid == (NOBODY if os.geteuid() == 0 else os.geteuid())


def test_without_the_right_to_write_the_mount_alone_gives_none(person: Person) -> None:
    if person.engine == "bubblewrap" and (person.prefix or os.geteuid() != 0):
        pytest.skip("a run of bubblewrap is whoever started it, who owns the directory")
    folder = shared(person)
    folder.chmod(0o755)
    words = ("--mount", "./data:/data:rw", *MOUNT, "--", *shell("(: > /data/x) 2>&- || echo refused"))
    assert person.run("say", *words).stdout == "refused\n"
    assert person.run("say", "--user", "root", *words).stdout == ""
    assert (folder / "x").exists()


def test_what_farm_keeps_is_never_mounted_to_be_written(person: Person) -> None:
    done = person.run("say", "--mount", f"{person.home}:/data", *MOUNT, "--", *shell("echo ran"))
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    for source in (person.home, person.home / "state", person.home / "host" / "packages"):
        done = person.run("say", "--mount", f"{source}:/data:rw", *MOUNT, "--", *shell("echo ran"))
        assert (done.returncode, done.stdout) == (1, "")
        assert f"{source} cannot be mounted writable: farm keeps packages and state in {person.home}/" in done.stderr


def test_a_mount_takes_the_place_of_a_volume_and_lies_in_one_but_hides_no_file_of_ones_own(person: Person) -> None:
    folder = shared(person)
    (own_program(person) / "cache").mkdir()
    (person.place / "image.yaml").write_text(
        "packages: [say]\nfiles: ./app\nrun: [/app/serve]\nvolumes: [/var/lib/app, /srv, /app/cache]\n"
    )
    script = "for each in /var/lib/app /srv /srv/data /app/cache; do echo x > $each/x && echo $each; done"
    mounts = ("--mount", "./data:/var/lib/app:rw", "--mount", "./data:/srv/data:rw")
    done = person.run("-f", "image.yaml", *mounts, *MOUNT, "--", *shell(script))
    assert done.stdout.split() == ["/var/lib/app", "/srv", "/srv/data", "/app/cache"], done.stderr
    assert [file.name for file in folder.iterdir()] == ["x"]
    done = person.run("-f", "image.yaml", "--mount", "./data:/app:rw")
    assert (done.returncode, "--mount names /app, where the image file has something" in done.stderr) == (2, True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture
def network() -> Iterator[str]:
    name = f"farm-test-{secrets.token_hex(6)}"
    subprocess.run(["docker", "network", "create", name], check=True, capture_output=True)
    yield name
    subprocess.run(["docker", "network", "rm", name], check=True, capture_output=True)


def test_a_port_is_for_docker_and_a_network(person: Person) -> None:
    done = person.run("say", "--publish", "8080:80")
    expected = "--publish is for Docker" if person.engine == "bubblewrap" else "Add --network bridge."
    assert (done.returncode, expected in done.stderr) == (2, True)


@pytest.mark.parametrize("somebody", _EVERYWHERE[-1:], indirect=True)
def test_a_port_is_published_when_it_is_said_and_not_by_an_image_file(person: Person, network: str) -> None:
    port = free_port()
    (person.place / "image.yaml").write_text(f"packages: [say]\nports: [{port}]\nrun: [say]\n")
    serve = f"import socket; server = socket.create_server(('', {port})); print('ready', flush=True); "
    serve += "connection, _ = server.accept() if input() else exit(); connection.sendall(b'served')"
    for published in (True, False):
        words = ["run", "--with", "docker", "-f", "image.yaml", "--network", network]
        words += ["--publish", f"127.0.0.1:{port}:{port}"] if published else []
        server = subprocess.Popen(
            person.command(*words, "--env", "PYTHONHOME=/host-usr", *MOUNT, "--", *program("python3"), "-c", serve),
            env=person.environment(),
            cwd=person.place,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        if not published:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))
            server.communicate("\n")
            return
        with socket.create_connection(("127.0.0.1", port)) as client:
            server.communicate("accept\n")
            assert client.recv(100) == b"served"


def test_wrong_use_is_told(person: Person) -> None:
    (person.place / "image.yaml").write_text("packages: [greet, alone]\n")
    assert "Name packages before `--`, or an image file with --file." in person.run("--", "true").stderr
    done = person.run("-f", "image.yaml", "--", "true")
    assert "image.yaml:1:19" in done.stderr
    assert done.returncode == 1
    unknown = person.run("--mont", "a:b", "greet")
    assert (unknown.returncode, "No such option '--mont'. Did you mean '--mount'?" in unknown.stderr) == (2, True)


def test_without_docker_bubblewrap_is_taken_and_without_both_it_is_said(tmp_path: Path) -> None:
    home = tmp_path
    person = _person("bubblewrap", "root" if os.geteuid() == 0 else "nobody", home)
    assert person.farm("run", "say", *MOUNT, "--", *shell("echo here")).stdout == "here\n"
    empty = home / "empty"
    empty.mkdir()
    environment = person.environment() | {"PATH": str(empty)}
    done = subprocess.run(
        person.command("run", "say"), env=environment, cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "nothing here can start a container" in done.stderr
    assert "apt-get install bubblewrap" in done.stderr
    done = person.farm("run", "--with", "docker", "say")
    assert (done.returncode, "the Docker Engine failed to answer" in done.stderr) == (1, True)
    done = person.farm("run", "--network", "bridge", "say")
    assert (done.returncode, "bubblewrap knows the networks none and host" in done.stderr) == (1, True)
    done = person.farm("run", "--user", "www-data", "say")
    assert (done.returncode, "bubblewrap knows users by their numbers" in done.stderr) == (1, True)


def test_nothing_waits_for_a_run_to_end(person: Person) -> None:
    words = person.command(
        "run",
        "--with",
        person.engine,
        "say",
        *MOUNT,
        "--",
        *shell("trap 'exit 0' TERM; echo ready; while :; do @sleep 0.05 ; done"),
    )
    process = subprocess.Popen(words, env=person.environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        begun = time.monotonic()
        done = person.farm("gc")
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - begun < 30
        assert list((person.home / "host/packages").glob("say-*")) != []
    finally:
        process.terminate()
        process.wait()


def with_needs(person: Person, name: str, needs: HostNeeds) -> None:
    person.distribution.package(name, {f"share/{name}/file": "x"}, host=needs)
    person.distribution.publish()
    for path in person.distribution.folder.rglob("*"):
        os.chown(path, person.home.stat().st_uid, person.home.stat().st_gid)


CAPABILITIES = "while read name rest; do case $name in CapEff:) echo $rest;; esac; done < /proc/self/status"


def test_a_set_is_granted_what_it_declares_and_no_more(person: Person) -> None:
    with_needs(person, "listener", HostNeeds("3.2", (), ("CAP_NET_BIND_SERVICE",)))
    done = person.run("listener", "--verbose", "--user", "0:0", *MOUNT, "--", *shell(CAPABILITIES))
    assert (done.returncode, done.stdout) == (0, f"{1 << 10:016x}\n"), done.stderr
    assert "privileges granted: CAP_NET_BIND_SERVICE" in done.stderr
    assert person.run("say", "--user", "0:0", *MOUNT, "--", *shell(CAPABILITIES)).stdout == f"{0:016x}\n"


def test_who_is_not_root_is_granted_it_too_or_told_how(person: Person) -> None:
    with_needs(person, "sniffer", HostNeeds("", (), ("CAP_NET_RAW",)))
    done = person.run("sniffer", *MOUNT, "--", *shell(CAPABILITIES))
    if person.engine == "bubblewrap":
        assert (done.returncode, done.stdout) == (0, f"{1 << 13:016x}\n"), done.stderr
        done = person.run("sniffer", "--network", "host", *MOUNT, "--", *shell(CAPABILITIES))
        assert "leave --network host out" in done.stderr
    else:
        assert "Docker grants it to root alone: add --user 0, or --with bubblewrap" in done.stderr
    assert done.returncode == 1
    assert "the set needs CAP_NET_RAW, which this run as 65534:65534 cannot be granted" in done.stderr


def test_what_this_host_has_not_stops_a_run_before_it_starts(person: Person) -> None:
    with_needs(person, "future", HostNeeds("99.1"))
    person.run("say", *MOUNT, "--", *shell("exit 0"))
    before = len(person.runs())
    done = person.run("future", *MOUNT, "--", *shell("echo ran"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "the set needs Linux 99.1 or newer, and this is" in done.stderr
    with_needs(person, "hardware", HostNeeds(devices=("/dev/farm-has-none",)))
    done = person.run("hardware", *MOUNT, "--", *shell("echo ran"))
    assert "the set needs the device /dev/farm-has-none, which this machine does not have" in done.stderr
    assert len(person.runs()) == before
    with_needs(person, "tun", HostNeeds(devices=("/dev/zero",)))
    done = person.run("tun", "--verbose", *MOUNT, "--", *shell("test -c /dev/zero && echo there"))
    assert (done.stdout, "privileges granted: /dev/zero" in done.stderr) == ("there\n", True), done.stderr


def test_when_the_repository_cannot_be_reached_the_last_verified_release_runs(person: Person) -> None:
    read = shell("read line < /etc/say.conf; echo $line")
    assert person.run("say", *MOUNT, "--", *read).returncode == 0
    last = person.runs()[-1]
    public, gone = person.distribution.public, person.distribution.folder / "gone"
    public.rename(gone)
    try:
        done = person.run("say", *MOUNT, "--", *read)
        assert done.returncode == 0, done.stderr
        assert f"warning: '{public}' is neither an http(s) URL nor a directory: running release" in done.stderr
        assert "verified last at 20" in done.stderr
        assert person.runs()[-1]["record"] == last["record"]
        public.mkdir()  # it exists, and is empty
        assert "warning: cannot reach the repository" in person.run("say", *MOUNT, "--", *read).stderr
        public.rmdir()
    finally:
        gone.rename(public)


def test_offline_asks_nobody_and_runs_what_is_here_as_a_whole(person: Person) -> None:
    person.run("say", *MOUNT, "--", *shell("exit 0"))
    person.distribution.package("later", {"share/later/file": "later\n"})
    person.distribution.publish()
    for path in person.distribution.folder.rglob("*"):
        os.chown(path, person.home.stat().st_uid, person.home.stat().st_gid)
    before = person.runs()[-1]
    done = person.run("say", "--offline", *MOUNT, "--", *shell("exit 0"))
    assert "warning: no repository was asked: running release" in done.stderr
    assert person.runs()[-1]["record"] == before["record"]
    assert person.farm("search").returncode == 0  # now the newest release is verified, and parts of it are missing here
    done = person.run("later", "--offline", *MOUNT, "--", *shell("exit 0"))
    assert done.returncode == 1
    assert "the last verified release" in done.stderr


def test_a_policy_decides_what_runs(person: Person) -> None:
    with_needs(person, "bound", HostNeeds("", (), ("CAP_NET_BIND_SERVICE",)))
    file = person.place / "policy.yaml"
    file.write_text("channels: [other.example/stable]\ncapabilities: []\nminimum-attestations: 2\n")
    done = person.run("bound", "--policy", str(file), *MOUNT, "--", *shell("echo ran"))
    assert (done.returncode, done.stdout) == (1, "")
    for words in (
        "only packages of other.example/stable are accepted, and dist.example.org/bound came from",
        "no capability may be granted, and dist.example.org/bound needs CAP_NET_BIND_SERVICE",
        "each package must be built by 2 independent builders, and was built: dist.example.org/bound by 1",
    ):
        assert words in done.stderr
    file.write_text(
        "channels: [dist.example.org/edge]\ncapabilities: [CAP_NET_BIND_SERVICE]\nminimum-attestations: 1\n"
    )
    done = person.run("bound", "--policy", str(file), *MOUNT, "--", *shell("echo ran"))
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    file.write_text("overides: forbidden\n")
    done = person.run("bound", "--policy", str(file), *MOUNT, "--", *shell("echo ran"))
    assert f"{file}:1:1: a policy has no key 'overides'" in done.stderr
    assert "Did you mean overrides?" in done.stderr


def test_what_root_starts_is_nobody_outside_too(person: Person) -> None:
    mark = f"mark-{os.urandom(6).hex()}"
    script = f"trap 'exit 0' TERM; echo ready; : {mark}; while :; do @sleep 0.05 ; done"
    words = person.command("run", "--with", person.engine, "say", *MOUNT, "--", *shell(script))
    process = subprocess.Popen(words, env=person.environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        owners = set()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                line = path.read_bytes()
                if mark.encode() in line and line.startswith(b"/host-usr/"):
                    owners.add(path.stat().st_uid)
        assert owners == {NOBODY if os.geteuid() == 0 else os.geteuid()}
    finally:
        process.terminate()
        process.wait()
