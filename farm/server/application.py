"""The settings that web and control share, and the application that they open with them."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, ValidationError

from farm.core.names.canonical_json import canonical_json
from farm.core.names.platform import Platform
from farm.core.policy.curators import CURATORS
from farm.core.policy.owners import OWNERS
from farm.core.policy.policies import read_policies
from farm.core.policy.strictness import as_strict_as_signed
from farm.core.policy.tree import load_tree
from farm.errors import FarmError, Place
from farm.server.documents.log_store import LogStore
from farm.server.submissions.kept_needs import complete_needs
from farm.server.submissions.owners import apply_owners, ownership
from farm.server.tables.schema import migrate
from farm.server.tables.session import Database
from farm.server.transaction.planning_inputs import LeasePolicy, PlanningInputs, PreviewPolicy, ToolchainRef
from farm.server.transaction.unit_of_work import Application
from farm.store.blobs import BlobStore
from farm.store.git.copy import MOST_BYTES
from farm.store.http.address_guard import AddressGuard
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import policy_in_force, steps_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.policy.policies import Policies

Seconds = Annotated[float, Field(gt=0)]


DEFAULT_ADDRESS = "http://127.0.0.1:8460"


class InvalidSettingsError(FarmError):
    """A settings file cannot be read, or has another form."""

    code = "invalid-settings"
    exit_status = os.EX_CONFIG  # starting again would not help


class FarmSettings(BaseModel):
    """The settings file of web and control. Paths are absolute; `recipes` is the tree with steps and channels.

    `broker` is for control alone. `toolchains` are `ToolchainRef` as JSON. `channel` names the channel whose policy
    says what is rebuilt. `images` says whether published packages can also be pulled as images. `repository` is the
    directory that is published (none: nothing is), `signer` the signer's Unix socket, `image_signer` the one on which
    web asks for images. `foreign` is where the metadata of other distributions is kept (default: next to `logs`),
    `follow_seconds` how often they are checked. `git` is where copies of connected repositories are kept (default: next
    to `logs`), `git_seconds` how often these are read without a webhook, `git_bytes` how large each may become.
    `allowed_networks` are the private networks that all of these may be in, `webhook_networks` those that webhooks may
    be in. `address` is that at which people reach the farm, for links in feeds and messages. `web` overrides bounds of
    the web process, by their names in `web.settings`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: str
    broker: str = ""
    address: str = DEFAULT_ADDRESS
    blobs: Path
    logs: Path
    recipes: Path
    platform: str = "linux/amd64"
    toolchains: tuple[dict[str, Any], ...]
    channel: str = "edge"
    repository: Path | None = None
    images: bool = True
    signer: Path | None = None
    image_signer: Path | None = None
    foreign: Path | None = None
    follow_seconds: Seconds = 60
    git: Path | None = None
    git_seconds: Seconds = 300
    git_bytes: Annotated[int, Field(ge=1 << 20)] = MOST_BYTES
    allowed_networks: tuple[IPvAnyNetwork, ...] = ()
    webhook_networks: tuple[IPvAnyNetwork, ...] = ()
    lease_seconds: Seconds = 60
    grace_seconds: Seconds = 20
    most_lost: Annotated[int, Field(ge=1)] = 3
    first_pause_seconds: Seconds = 5
    longest_pause_seconds: Seconds = 900
    ring_again_seconds: Seconds = 30
    preview_days: Seconds = 7
    previews_per_submitter: Annotated[int, Field(ge=0)] = 5
    preview_jobs_at_once: Annotated[int, Field(ge=1)] = 4
    preview_minutes_a_day: Annotated[int, Field(ge=1)] = 600
    web: dict[str, Annotated[float, Field(gt=0)]] = {}

    @property
    def source_guard(self) -> AddressGuard | None:
        """The addresses at which git repositories may be; None where the file says nothing: it may be that of web."""
        return AddressGuard(self.allowed_networks) if "allowed_networks" in self.model_fields_set else None

    @property
    def webhook_guard(self) -> AddressGuard | None:
        """The addresses at which webhooks may be; None where the file says nothing."""
        is_said = "webhook_networks" in self.model_fields_set
        return AddressGuard(self.webhook_networks, "FARM_WEBHOOK_NETWORKS") if is_said else None

    @classmethod
    def read(cls, path: Path) -> FarmSettings:
        """Read a file of settings. Raises `InvalidSettingsError`."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise InvalidSettingsError(
                f"the settings of a farm are invalid: {error}", place=Place(str(path))
            ) from error


CHANGING = ("packages", "channels", CURATORS, OWNERS)
"""The parts of a recipe tree that change while the farm runs: packages are submitted, the others are read again."""


def open_application(settings: FarmSettings, recipe_files: Mapping[str, bytes]) -> Application:
    """Migrate the database, with what only the recipes themselves can complete, and return the application.

    `recipe_files` is the content of the tree `settings.recipes` by path. The parts in `CHANGING` are ignored, except
    the owners of recipes, within what is signed, at the very first start: before owners are known, nobody may submit.
    Raises `RecipeError`, `SchemaError`.
    """
    tree = load_tree({path: text for path, text in recipe_files.items() if path.split("/")[0] not in CHANGING})
    toolchains = [ToolchainRef.from_dict(value) for value in settings.toolchains]
    inputs = PlanningInputs(
        distribution=tree.distribution.domain,
        platform=Platform.parse(settings.platform),
        toolchains={toolchain.name: toolchain for toolchain in toolchains},
        steps=tree.steps,
        distributions=tree.distributions,
    )
    lease_policy = LeasePolicy(
        lease=timedelta(seconds=settings.lease_seconds),
        grace=timedelta(seconds=settings.grace_seconds),
        most_lost=settings.most_lost,
        first_pause=timedelta(seconds=settings.first_pause_seconds),
        longest_pause=timedelta(seconds=settings.longest_pause_seconds),
        ring_again=timedelta(seconds=settings.ring_again_seconds),
        channel=settings.channel,
    )
    database = Database(settings.database)
    migrate(database)
    blobs = BlobStore(settings.blobs)
    # The checker reads the steps by their digest when it computes plans again.
    blobs.put_bytes(canonical_json(steps_texts(recipe_files)))
    application = Application.open(database, blobs, LogStore(settings.logs), inputs, lease_policy)
    application = replace(application, preview_policy=_preview_policy(settings))
    with application.writing() as unit:
        if ownership(unit.session) is None and (policies := _first_owners(settings, recipe_files)):
            apply_owners(unit, policies)
    complete_needs(application)
    return application


def _preview_policy(settings: FarmSettings) -> PreviewPolicy:
    return PreviewPolicy(
        lasts=timedelta(days=settings.preview_days),
        most_open=settings.previews_per_submitter,
        most_jobs=settings.preview_jobs_at_once,
        minutes_a_day=settings.preview_minutes_a_day,
    )


def _first_owners(settings: FarmSettings, recipe_files: Mapping[str, bytes]) -> Policies | None:
    """Return the owners of recipes before control has read the files; None if no file names any."""
    policies = read_policies({name: recipe_files[name] for name in (CURATORS, OWNERS) if name in recipe_files})
    if settings.repository and (repository := Repository(settings.repository)).exists():
        try:
            signed = policy_in_force(repository)
            policies = as_strict_as_signed(policies, signed.policies) if signed else policies
        except FarmError as error:
            # The signed policy may require more than the file: until it can be read, nobody submits.
            return replace(
                policies, owners=None, owners_troubles=(f"the signed policy cannot be read: {error.message}",)
            )
    return policies if policies.owners is not None or policies.owners_troubles else None
