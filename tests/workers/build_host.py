"""A farm with build workers as processes of this machine, on its Docker Engine and a private Redis."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from securesystemslib.signer import CryptoSigner

from farm.api.farm_client import FarmClient
from farm.container.sandbox import connect
from farm.core.fileset.manifest import Manifest
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.server.application import FarmSettings, open_application
from farm.server.identities import access, identities
from farm.server.jobs import attempts
from farm.server.transaction.planning_inputs import ToolchainRef
from farm.trust.keys.key_files import create_key
from tests.farms.served import ServedFarm, serving
from tests.farms.small import recipe
from tests.workers.programs import eventually, program
from web.app import create_app
from web.settings import WebSettings

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import docker

    from farm.api import wire
    from farm.server.tables.records import Attempt

# The machine's own /usr replaces a toolchain, whose making takes longer than all of this.
EMPTY = Manifest.of([])
DEB = b"a binary package of Debian's"
NOTHING = BlobRef(EMPTY.tree_digest, 0)
TOOLCHAIN = ToolchainRef("c", EMPTY.tree_digest, NOTHING, NOTHING, {"libc6": Digest.of(DEB)})
INSTALL = 'mkdir -p "$DESTDIR/usr/share/x"; echo {name} > "$DESTDIR/usr/share/x/{name}"'


def script(name: str, text: str = "", *, needs: tuple[str, ...] = ()) -> dict[str, bytes]:
    """A recipe whose only step runs this shell text and installs a file."""
    files = recipe(name, needs=needs)
    install = INSTALL.format(name=name)
    lines = "".join(f"\n      {line}" for line in (*text.splitlines(), install))
    return {"recipe.yaml": files["recipe.yaml"].replace(b"run: make install FLAG=", f"run: |{lines}".encode())}


@dataclass
class Host:
    """A farm and its build workers, all on this machine."""

    farm: ServedFarm
    directory: Path
    broker: str
    engine: docker.APIClient
    stack: ExitStack

    def worker(
        self, name: str, *, environment: Mapping[str, str] | None = None, ready: str = "ready.", **changes: Any
    ) -> subprocess.Popen[bytes]:
        """Enrol and start a worker; `changes` are settings that differ from the usual ones."""
        key = create_key(self.directory / name / "key")
        assert isinstance(key, CryptoSigner)
        with self.farm.application.writing() as unit:
            public = str(key.public_key.keyval["public"])
            access.enrol(unit, name=name, public_key=public, builds=True, tests=True, by="operator")
        settings: dict[str, Any] = {
            "farm": self.farm.url,
            "broker": self.broker,
            "name": name,
            "key": str(self.directory / name / "key"),
            "blobs": str(self.directory / name / "blobs"),
            "packages": str(self.directory / "packages"),
            "toolchains": str(self.directory / "toolchains"),
            "attempts": str(self.directory / "attempts"),
            "idle_seconds": 1,
            "sweep_seconds": 0.5,
            **changes,
        }
        file = self.directory / name / "settings.json"
        file.write_text(json.dumps(settings))
        command = ("workers.build", "--settings", str(file))
        started = program(self.directory / name / "log", *command, ready=ready, environment=environment)
        return self.stack.enter_context(started)

    def seen(self, name: str) -> bool:
        """Return whether a worker has contacted the farm, which does not count on it before."""
        with self.farm.application.reading() as unit:
            return any(
                worker.name == name and worker.seen_at is not None for worker in identities.workers(unit.session)
            )

    def says_worker(self, name: str, text: str) -> bool:
        return text in (self.directory / name / "log").read_text()

    def submit(self, **recipes: dict[str, bytes]) -> dict[str, int]:
        with self.farm.client() as client:
            return {accepted.name: accepted.job.id for accepted in client.submit(recipes).accepted}

    def job(self, job_id: int) -> wire.JobDetail:
        with FarmClient(self.farm.url) as client:
            return client.job(job_id)

    def ended(self, job_id: int, *, seconds: float = 90) -> wire.JobDetail:
        eventually(
            lambda: self.job(job_id).job.state in ("succeeded", "failed", "cancelled"),
            seconds=seconds,
            what=f"job {job_id} ends; it is {self.job(job_id)}",
        )
        return self.job(job_id)

    def says(self, job_id: int, text: str) -> bool:
        with FarmClient(self.farm.url) as client:
            return any(text in record["text"] for record in client.log(job_id).records)

    def containers(self, *, also_at_rest: bool = False) -> list[str]:
        """The running containers of this farm's attempts; `also_at_rest`: the others, too."""
        found = self.engine.containers(all=also_at_rest, filters={"label": f"farm.owner={self.farm.url}"})
        return [job["Id"] for job in found]

    def attempts(self, job_id: int) -> list[Attempt]:
        with self.farm.application.reading() as unit:
            return attempts.attempts_of(unit.session, job_id)


@contextmanager
def hosting(directory: Path, broker: str, migrated_sqlite: Path, **terms: float) -> Iterator[Host]:
    """Run a farm in a directory, without workers yet; `terms` are settings of control."""
    directory.mkdir(exist_ok=True)
    shutil.copyfile(migrated_sqlite, directory / "farm.db")
    recipes = directory / "recipes"
    recipes.mkdir()
    (recipes / "distribution.yaml").write_text("domain: dist.example.org\n")
    settings = FarmSettings(
        database=f"sqlite:///{directory / 'farm.db'}",
        broker=broker,
        blobs=directory / "blobs",
        logs=directory / "logs",
        recipes=recipes,
        toolchains=(TOOLCHAIN.to_dict(),),
        **{"lease_seconds": 4, "grace_seconds": 4, **terms},
    )
    (directory / "farm.json").write_text(settings.model_dump_json())
    application = open_application(settings, {"distribution.yaml": b"domain: dist.example.org\n"})
    application.blobs.put_bytes(EMPTY.to_json())
    application.blobs.put_bytes(DEB)
    root = directory / "toolchains" / f"c-{TOOLCHAIN.tree.store_key}" / "root"
    root.mkdir(parents=True)
    for top in ("usr", "etc"):
        (root / top).symlink_to(f"/{top}")
    with ExitStack() as stack:
        url = stack.enter_context(serving(create_app(application, replace(WebSettings(), follow_seconds=0.05))))
        control = ("workers.control", "--settings", str(directory / "farm.json"))
        stack.enter_context(program(directory / "control.log", *control, ready="ready."))
        yield Host(ServedFarm(application, url, directory), directory, broker, connect(), stack)
    application.database.close()
