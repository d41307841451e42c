"""Routes of git repositories: connected by operators, looked at by all who submit; and webhooks of their forges.

A webhook has no token: its signature was verified while its body was received (`web.webhook_bodies`), and it is only a
reason to look. What strangers have written into the repository is read by control.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from farm.api import git_wire, wire
from farm.server.git import changes, connection_changes, disconnecting, repositories, statuses
from farm.server.git.received_webhooks import receive_webhook
from farm.server.identities.access import audit
from farm.server.tables.git_rows import Forge, PreviewPermission
from web.auth import (
    AddressHere,
    AdminActor,
    ApplicationHere,
    GuardsHere,
    MaintainerOrCurator,
    MaintainerOrCuratorActor,
    webhook_of,
)
from web.routes import GIT, WEBHOOK, WEBHOOKS

if TYPE_CHECKING:
    from farm.server.git.changes import Change
    from farm.server.git.repositories import GitRepository
    from farm.server.git.statuses import StatusRecord

router = APIRouter(prefix=GIT, tags=["git"])
_STATUSES = 100


@router.post("", status_code=201)
def connect(
    application: ApplicationHere,
    address: AddressHere,
    guards: GuardsHere,
    actor: AdminActor,
    body: git_wire.ConnectRequest,
) -> git_wire.RepositoryWire:
    """Let recipes come from a repository. The answer alone has the secret of its webhook."""
    asked = repositories.RepositoryRequest(
        name=body.name,
        url=body.url,
        branch=body.branch,
        path=body.path.strip("/"),
        forge=Forge(body.forge),
        api=body.api,
        token=body.token,
        previews=PreviewPermission(body.previews),
        members=body.members,
    )
    with application.writing() as unit:
        made = repositories.connect(unit, asked, by=actor.name, guard=guards.git)
        audit(unit, actor, "connect-repository", f"repository {made.name}", f"{made.url} {made.branch}")
    return _form(made, address).model_copy(update={"secret": made.secret})


@router.get("")
def listed(application: ApplicationHere, address: AddressHere, token: MaintainerOrCurator) -> git_wire.RepositoryPage:  # noqa: ARG001
    """Return the connected repositories, by name."""
    with application.reading() as unit:
        found = repositories.repositories(unit.session)
    return git_wire.RepositoryPage(repositories=tuple(_form(repository, address) for repository in found))


@router.get("/{name}")
def shown(
    application: ApplicationHere,
    address: AddressHere,
    token: MaintainerOrCurator,  # noqa: ARG001
    name: str,
) -> git_wire.RepositoryDetail:
    """Return a repository with its changes and the newest commit statuses."""
    with application.reading() as unit:
        found = repositories.find_repository(unit.session, name)
        known = changes.changes_of(unit.session, name)
        newest = statuses.statuses_of(unit.session, name, limit=_STATUSES)
    return git_wire.RepositoryDetail(
        repository=_form(found, address),
        changes=tuple(map(_change, known.values())),
        statuses=tuple(map(_status, newest)),
    )


@router.post("/{name}/set")
def change(
    application: ApplicationHere, address: AddressHere, actor: AdminActor, name: str, body: git_wire.SetRequest
) -> git_wire.RepositoryWire:
    """Change how a repository is connected. The answer has the secret of its webhook if that is new."""
    asked = connection_changes.ConnectionChange(
        token=body.token,
        new_secret=body.new_secret,
        branch=body.branch,
        previews=PreviewPermission(body.previews) if body.previews else None,
        members=body.members,
    )
    with application.writing() as unit:
        found = connection_changes.change_connection(unit, name, asked)
        audit(unit, actor, "change-repository", f"repository {name}", ", ".join(asked.subjects))
    return _form(found, address).model_copy(update={"secret": found.secret} if body.new_secret else {})


@router.post("/{name}/disconnect")
def disconnect(
    application: ApplicationHere, address: AddressHere, actor: AdminActor, name: str
) -> git_wire.DisconnectedWire:
    """Take no more recipes from a repository, and withdraw its previews. Its token is kept for the last statuses."""
    with application.planning() as unit:
        gone = disconnecting.disconnect(unit, name, by=actor.name)
        audit(unit, actor, "disconnect-repository", f"repository {name}", gone.repository.url)
    form = _form(gone.repository, address)
    return git_wire.DisconnectedWire(**form.model_dump(), last_statuses=gone.last_statuses)


@router.post("/{name}/sync", status_code=202)
def sync(
    application: ApplicationHere, address: AddressHere, actor: MaintainerOrCuratorActor, name: str
) -> git_wire.RepositoryWire:
    """Have a repository read now, as a webhook would; recipes that could not be submitted are tried again."""
    with application.writing() as unit:
        found = repositories.find_repository(unit.session, name)
        repositories.make_due(unit.session, name, now=unit.now)
        repositories.try_again(unit.session, name)
        audit(unit, actor, "sync-repository", f"repository {name}")
    return _form(found, address)


@router.post("/{name}/pulls/{number}/preview", status_code=202)
def preview(
    application: ApplicationHere,
    actor: MaintainerOrCuratorActor,
    name: str,
    number: wire.Number,
    body: git_wire.PreviewRequest,
) -> git_wire.ChangeWire:
    """Have a pull request previewed at the commit that was looked at; a later one is refused, and needs it again."""
    with application.writing() as unit:
        repositories.find_repository(unit.session, name)
        approved = changes.approve_change(unit, name, f"{changes.PULL}{number}", body.commit)
        repositories.make_due(unit.session, name, now=unit.now)
        audit(unit, actor, "preview-pull-request", f"{name} {approved.name}", f"commit {approved.commit}")
    return _change(approved)


@router.post(WEBHOOK, status_code=202)
def webhook(request: Request, application: ApplicationHere, name: str) -> git_wire.WebhookResultWire:  # noqa: ARG001
    """Take a webhook of a forge, signed with the secret of the repository."""
    with application.writing() as unit:
        result = receive_webhook(unit, webhook_of(request))
    return git_wire.WebhookResultWire(result=result.value)


def _form(repository: GitRepository, address: str) -> git_wire.RepositoryWire:
    return git_wire.RepositoryWire(
        name=repository.name,
        url=repository.url,
        branch=repository.branch,
        path=repository.path,
        forge=repository.forge.value,
        api=repository.api,
        previews=repository.previews.value,
        members=repository.members,
        webhook=f"{address}{WEBHOOKS.format(name=repository.name)}",
        with_token=bool(repository.token),
        head=repository.head,
        refused=repository.refused,
        synced_at=repository.synced_at,
        delivered_at=repository.delivered_at,
        failures=repository.failures,
        trouble=repository.trouble,
    )


def _change(change: Change) -> git_wire.ChangeWire:
    return git_wire.ChangeWire(
        name=change.name,
        commit=change.commit,
        author=change.author,
        state=change.state.value,
        submission=change.submission,
        detail=change.detail,
        changed_at=change.changed_at,
    )


def _status(status: StatusRecord) -> git_wire.CommitStatusWire:
    return git_wire.CommitStatusWire(
        commit=status.commit,
        context=status.context,
        state=status.state,
        description=status.description,
        target=status.target,
        delivered=status.due_at is None and status.sent == status.state and not status.trouble,
        trouble=status.trouble,
        changed_at=status.changed_at,
    )
