"""A farm with rows, blobs and a pipeline whose recipes require packages of another distribution."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from farm.client.repository.download import Downloads
from farm.client.repository.readers import open_reader
from farm.core.names.digest import Digest
from farm.core.recipe.distributions import OtherDistribution
from farm.server.channels import releases
from farm.server.federation.following import DistributionFollower
from farm.store.blobs import BlobStore
from tests.farms.releasing import EDGE, ReleasingFarm
from tests.foreign.neighbours import FIRST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from farm.core.plan.job import BlobRef
    from farm.core.policy.channel import ChannelPolicy
    from farm.server.pipeline.gates.gate_result import PackageGate
    from farm.server.pipeline.pipeline import Pipeline
    from farm.server.tables.session import Database
    from farm.trust.index.imports import Import
    from farm.trust.index.release_index import Release
    from farm.trust.verification.client_metadata import RepositoryReader
    from tests.foreign.neighbours import Neighbours


@dataclass
class ImportingFarm(ReleasingFarm):
    """`following` polls the neighbours' first distribution when a test asks for it."""

    following: DistributionFollower = field(init=False)

    @classmethod
    def beside(cls, neighbours: Neighbours, database: Database, folder: Path) -> ImportingFarm:
        assert neighbours.first.founded is not None
        farm = cls.open(database, folder)
        root = Digest(neighbours.first.founded.fingerprint)
        named = {FIRST: OtherDistribution(FIRST, neighbours.address, "edge", root)}
        farm.application = replace(farm.application, inputs=replace(farm.application.inputs, distributions=named))
        farm.pipeline = farm.pipeline_of(EDGE)
        with farm.application.writing() as unit:
            releases.ensure_channel(unit.session, "stable", "{}")

        def open_repository(address: str) -> tuple[RepositoryReader, Downloads]:
            reader = open_reader(address)
            return reader, Downloads(reader, farm.application.blobs)

        farm.following = DistributionFollower(farm.application, folder / "foreign", open_repository)
        return farm

    def channel(self, policy: ChannelPolicy, gates: Sequence[PackageGate] = ()) -> Pipeline:
        return self.pipeline_of(policy, gates)

    def follow(self) -> int:
        return self.following.advance()

    def decide(self, **how: object) -> str:
        """Build, follow, fetch and test until the pipeline has nothing more to do; return its last state."""
        state = ""
        for _ in range(30):
            self.build_all_but_tests()
            step = self.pipeline.advance()
            self.following.fetch_archives()
            tests = self.run_tests(**how)  # type: ignore[arg-type]
            if step.state == state and not tests and state in ("idle", "refused"):
                return state
            state = step.state
        raise AssertionError(f"the pipeline does not come to rest: {step}")

    def head(self, channel: str = "edge") -> Release:
        """The newest signed release."""
        release = self.signer.repository.current(channel).release
        assert release is not None
        return release

    def blob(self, blob: BlobRef) -> bytes:
        return BlobStore(self.signer.repository.root / "blobs").read(blob.digest)

    def taken(self, channel: str = "edge") -> Import:
        (found,) = self.head(channel).imports
        return found
