"""The pages for maintainers are carried out from top to bottom, as a new one would, with a small farm of its own.

`UPDATE_GOLDEN=1 pytest tests/docs/test_maintain_page.py` writes the current output into the pages, for review.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from farm.core.names.digest import Digest
from farm.trust.enrolment_record import EnrolmentRecord, record_name
from tests.build.local_builds import RECIPES, recipe_files
from tests.client.name_server import NameServer
from tests.client.web_server import serving
from tests.distribution.conftest import empty_host
from tests.docs.real_channel import ROOT
from tests.docs.test_pages_run import without_images
from tests.docs.walk import Section, walk
from tests.farms.running import RunningFarm
from tests.server.events.receiver import receiving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

UPSTREAM = Path(__file__).parent / "maintainer"
"""The library that the farm has already, and the program that is packaged."""
_RUNTIME, _LIBRARY = ("gcc-libs", "glibc"), "greet"
_SECONDS = 120
SECTIONS = (
    ("maintain.md", "# For maintainers: from nothing to a released package"),
    ("submissions.md", "# For maintainers: after you have submitted"),
    ("recipes.md", "## Toolchains"),
    ("recipes.md", "## In an editor"),
)
"""What is carried out, one after the other."""


def archive(folder: Path) -> bytes:
    """Return a source archive, the same bytes everywhere: not compressed, as zlib's output differs between versions."""
    packed, written = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(folder.iterdir()):
            entry = tarfile.TarInfo(f"{folder.name}/{path.name}")
            entry.size = path.stat().st_size
            tar.addfile(entry, io.BytesIO(path.read_bytes()))
    with gzip.GzipFile(filename="", mode="wb", compresslevel=0, fileobj=written, mtime=0) as compressed:
        compressed.write(packed.getvalue())
    return written.getvalue()


def tree(folder: Path) -> Path:
    """Return a tree of recipes: the C library without tests, which would need a shell, and the library `greet`."""
    made = folder / "recipes"
    others = ("packages/greet/", "packages/hello/")
    files = {path: text for path, text in recipe_files().items() if not path.startswith(others)}
    for path, content in files.items():
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_bytes(content)
    shutil.copytree(UPSTREAM / _LIBRARY, made / "packages" / _LIBRARY)
    (made / "channels").mkdir()
    shutil.copy(RECIPES / "channels" / "edge.yaml", made / "channels")
    return made


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[RunningFarm]:
    """A farm with two releases: of the C library, and then of the library `greet`."""
    farm = RunningFarm(tmp_path / "farm", empty_host(tmp_path), recipes=tree(tmp_path))
    try:
        farm.start()
        for names in (_RUNTIME, [_LIBRARY]):
            farm.submit(*(farm.recipes / "packages" / name for name in names)).done()
        yield farm
    finally:
        farm.stop()


def ask(farm: RunningFarm, method: str, path: str, **more: Any) -> httpx.Response:
    """Ask the API for what a verb cannot, as its administrator."""
    admin = (farm.state / "keys" / "admin.token").read_text().strip()
    headers = {"Authorization": f"Bearer {admin}"}
    return httpx.request(method, f"{farm.url}/api/v1/{path}", headers=headers, **more).raise_for_status()


def token(farm: RunningFarm, name: str) -> str:
    """Return a maintainer's token, issued as an operator would."""
    issued: str = ask(farm, "POST", "tokens", json={"name": name, "role": "maintainer", "days": 1}).json()["token"]
    return issued


class Owners:
    """What an operator adds to the trees of recipes when owners begin to sign: alice's key, bob and his recipe."""

    def __init__(self, farm: RunningFarm, clone: Path, alice: Path) -> None:
        self._farm, self._clone, self._alice = farm, clone, alice

    def begin(self) -> None:
        lines = (self._line("alice", self._alice), self._line("bob", self._alice.parent / "bob"))
        files = {"curators.yaml": f"maintainers:\n{''.join(lines)}", "OWNERS": f"* alice\n{_LIBRARY} bob\n"}
        for tree in (self._clone / "recipes", self._farm.recipes):
            for name, text in files.items():
                (tree / name).write_text(text)
        wait_until(lambda: '"owners"' in ask(self._farm, "GET", "trail").text)

    def _line(self, name: str, state: Path) -> str:
        shown: str = self._farm.run("keys", "me", "--name", name, state=state).done().output
        return shown.splitlines()[-1] + "\n"


def wait_until(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def has_release(farm: RunningFarm, number: int) -> bool:
    newest: int = farm.json("release", "list", "edge")["releases"][0]["number"]
    return newest >= number


def holds_back(farm: RunningFarm, name: str) -> bool:
    return name in farm.run("channel", "excuses", "edge").done().output


def environment(farm: RunningFarm, folder: Path, resolver: NameServer) -> dict[str, str]:
    """Return the environment of a maintainer with a state and a host of their own, who has nothing but toolchains."""
    (folder / "newcomer").mkdir()
    return farm.environment(
        FARM_STATE=str(folder / "state"),
        FARM_HOST=str(empty_host(folder / "newcomer")),
        FARM_URL=farm.url,
        FARM_TOKEN=token(farm, "alice"),
        FARM_RESOLVER=resolver.address,
        PATH=f"{farm.farm.parent}:{os.environ['PATH']}",
    )


@contextmanager
def upstream(folder: Path) -> Iterator[str]:
    """Serve the source archive of `greeter`; yields the address."""
    folder.mkdir()
    (folder / "greeter-1.0.tar.gz").write_bytes(archive(UPSTREAM / "greeter-1.0"))
    with serving(folder) as address:
        yield address


def test_a_newcomer_comes_to_a_released_package(farm: RunningFarm, tmp_path: Path) -> None:
    clone, state, host = tmp_path / "clone", tmp_path / "state", farm.url.removeprefix("http://")
    shutil.copytree(farm.recipes, clone / "recipes")
    resolver = NameServer()
    record = EnrolmentRecord(f"{farm.url}/repository", Digest(farm.fingerprint))
    resolver.texts[record_name("dist.example.org")] = [str(record)]
    meanwhile = {
        "maintain.md": {"Use it": lambda: wait_until(lambda: has_release(farm, 3))},
        "submissions.md": {
            "What a channel holds back": lambda: wait_until(lambda: holds_back(farm, "greet")),
            "Where recipes have owners": Owners(farm, clone, state).begin,
        },
    }
    with ExitStack() as stack:
        stack.enter_context(resolver.running())
        stack.enter_context(without_images("greeter:mine", f"{host}/preview-3/greeter"))
        names = {
            "https://example.org/greeter-": f"{stack.enter_context(upstream(tmp_path / 'upstream'))}/greeter-",
            "https://farm.example.org": farm.url,
            "farm.example.org": host,
            "https://ci.example.org/farm": stack.enter_context(receiving()).url,
            "~/.local/state/farm": str(state),
            "/srv/clone": str(clone),
        }
        of_newcomer = environment(farm, tmp_path, resolver)
        wrong = []
        for page, heading in SECTIONS:
            try:
                walk(Section(ROOT / "docs" / page, heading), clone, of_newcomer, meanwhile.get(page), names)
            except AssertionError as error:
                wrong.append(str(error))
        assert not wrong, "\n\n".join(wrong)
