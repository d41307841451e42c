"""The files that users get: the same bytes wherever they are made, the right content, for each supported Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import click
import pytest

from farm.cli.main import farm
from tests.docs.test_docs import verbs
from tests.script.conftest import LOCK, ROOT, UV, run

pytestmark = pytest.mark.scenario

_EXPECTED = (
    "farm/py.typed",
    "farm/container/driver.bash",
    "farm/container/enter.bash",
    "farm/container/rerun.bash",
    "farm/container/shell.bash",
    "farm/server/tables/migrations/versions/1000_first_schema.py",
    "web/static/farm.css",
    "web/templates/base.html",
)
_COMPLETION = (
    "bash-completion/completions/farm",
    "fish/vendor_completions.d/farm.fish",
    "zsh/site-functions/_farm",
)
_SEEDS = {"pip", "pkg_resources", "setuptools", "wheel"}
_PARTS = re.compile(r"^(farm|web|workers|farm-[0-9.]+\.(dist-info|data))/")


def python(version: str) -> Path:
    """Return an interpreter of this version (`3.13`) on this machine; without one the test is skipped."""
    places = (sys.executable, *(shutil.which(name) for name in (f"python{version}", "python3")), "/usr/bin/python3")
    for place in filter(None, places):
        result = subprocess.run([place, "-V"], capture_output=True, text=True, check=False)
        if result.returncode == 0 and result.stdout.startswith(f"Python {version}."):
            return Path(place)
    pytest.skip(f"this machine has no Python {version}")


@pytest.fixture
def constraints(tmp_path: Path) -> Path:
    """The locked versions without their hashes: pip would require one for the wheel too if there were any."""
    locked = re.findall(r"^[a-z0-9.-]+==\S+", LOCK.read_text(), re.MULTILINE)
    file = tmp_path / "constraints.txt"
    file.write_text("\n".join(locked))
    return file


def test_the_same_tree_makes_the_same_bytes_elsewhere(made: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    run("git", "clone", "--quiet", ROOT, elsewhere)
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for path in (elsewhere / name for name in run("git", "ls-files", cwd=elsewhere).splitlines()):
        path.unlink()
    for name in listed:
        if (ROOT / name).exists():
            (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, elsewhere / name)  # its modification time is now
    (elsewhere / ".venv").symlink_to(Path(sys.prefix))
    run("bash", "-c", 'umask 077; exec bash script/dist "$0"', tmp_path / "again", cwd=elsewhere)

    names = {path.name for path in made.iterdir()}
    assert {path.name for path in (tmp_path / "again").iterdir()} == names
    assert len(names) == 4
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (made / name).read_bytes(), name


def test_a_wheel_made_from_the_source_distribution_is_the_same(wheel: Path, made: Path, tmp_path: Path) -> None:
    (source,) = made.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
        epoch = max(member.mtime for member in archive.getmembers())
    (folder,) = tmp_path.iterdir()
    build = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path / "again")
    run(*build, environment={"SOURCE_DATE_EPOCH": str(int(epoch))}, cwd=folder)
    assert (tmp_path / "again" / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_wheel_has_what_the_programs_need_and_nothing_of_the_workshop(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert set(_EXPECTED) <= set(names)
    assert [name for name in names if not _PARTS.match(name)] == []  # no tests, no recipes, no scripts
    in_tree = {
        path.relative_to(ROOT).as_posix()
        for folder in ("farm", "web", "workers")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith(("farm/", "web/", "workers/"))} == in_tree


def test_each_verb_has_a_man_page_that_man_can_read(base: Path) -> None:
    manual = base / "share" / "man" / "man1"
    groups = {"farm": farm} | {"-".join(words): command for words, command in verbs(farm)}
    assert {path.stem for path in manual.iterdir()} > set(groups)
    for name in groups:
        shown = subprocess.run(
            ["man", "--warnings", "--local-file", manual / f"{name}.1"],
            env={"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert shown.stderr == ""
        for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"):
            assert f"\n{section}\n" in shown.stdout, name
    run_page = run("man", "farm-run", environment={"MANPATH": str(base / "share" / "man"), "MANWIDTH": "100"})
    assert "farm run jq -- jq -n '1+1'" in run_page
    known = farm.get_command(click.Context(farm), "run")
    assert known is not None
    assert [
        param.opts for param in known.params if isinstance(param, click.Option) and param.opts[0] not in run_page
    ] == []


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", 'source "$0"; COMP_WORDS=(farm ins); COMP_CWORD=1; _farm_completion farm; echo "${COMPREPLY[@]}"'),
        ("fish", 'source "$argv[1]"; complete --do-complete "farm ins"'),
        # -D: it must write nothing. What it is told to write it replaces, even if that is a device.
        ("zsh", 'autoload -Uz compinit; compinit -u -D; source "$0"; echo "$_comps[farm]"'),
    ],
)
def test_a_shell_completes_by_the_script_that_was_installed(shell: str, line: str, base: Path, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"this machine has no {shell}")
    (script,) = (base / "share" / place for place in _COMPLETION if shell in place)
    path = f"{base}/bin:/usr/bin:/bin"
    output = run(shell, "-c", line, script, environment={"PATH": path, "HOME": str(tmp_path)}, cwd=tmp_path)
    assert output.split()[0] == ("_farm_completion" if shell == "zsh" else "install")
    assert run(base / "bin" / "farm", "completion", shell) == script.read_text()


@pytest.mark.parametrize("version", ["3.11", "3.13"])
class TestAPythonOfThisVersion:
    """The wheel is installed as users do it, from the registry, in the locked versions."""

    def test_takes_it_by_pip(self, version: str, wheel: Path, tmp_path: Path) -> None:
        venv = tmp_path / "venv"
        run(UV, "venv", "--quiet", "--seed", "--python", python(version), venv)
        pip = (venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run(*pip, "--require-hashes", "--requirement", LOCK)
        run(*pip, "--no-deps", wheel)

        works(venv / "bin" / "farm", venv / "share")
        (packages,) = venv.glob("lib/python*/site-packages")
        installed = {path.name.partition("-")[0].lower() for path in packages.glob("*.dist-info")} - _SEEDS
        assert len(installed) <= 25, sorted(installed)
        parts = [path for path in packages.iterdir() if path.name.partition("-")[0] not in _SEEDS]
        files = [file for part in parts for file in (part.rglob("*") if part.is_dir() else [part]) if file.is_file()]
        assert sum(file.stat().st_size for file in files) <= 90_000_000
        run(venv / "bin" / "python", "-m", "pip", "check")

    def test_takes_it_by_uv(self, version: str, wheel: Path, constraints: Path, tmp_path: Path) -> None:
        places = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
        command = (UV, "tool", "install", "--quiet", "--python", python(version), "--constraints", constraints, wheel)
        run(*command, environment=places)
        works(tmp_path / "bin" / "farm", tmp_path / "tools" / "farm" / "share")

    def test_takes_it_by_pipx(self, version: str, wheel: Path, constraints: Path, tmp_path: Path) -> None:
        places = {
            "PIPX_HOME": str(tmp_path / "home"),
            "PIPX_BIN_DIR": str(tmp_path / "bin"),
            "PIPX_MAN_DIR": str(tmp_path / "man"),
            "HOME": str(tmp_path),  # it puts completion below that
        }
        pipx = Path(sys.executable).with_name("pipx")
        arguments = ("--python", str(python(version)), f"--pip-args=--constraint {constraints}", str(wheel))
        run(pipx, "install", "--quiet", *arguments, environment=places)
        works(tmp_path / "bin" / "farm", tmp_path / "home" / "venvs" / "farm" / "share")
        assert (tmp_path / "man" / "man1" / "farm.1").exists()


def works(command: Path, share: Path) -> None:
    """The command answers, and has its man pages and completion."""
    assert run(command, "--version") == "farm 0.1.0\n"
    assert "install" in run(command, "--help")
    assert (share / "man" / "man1" / "farm-run.1").exists()
    assert all((share / place).exists() for place in _COMPLETION)
