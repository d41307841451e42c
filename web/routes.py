"""The requirements of the API's routes, before a body is read: a role, and a limit of bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastapi.routing import APIRoute
from starlette.routing import Match

from web.auth import RoleCheck

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fastapi import APIRouter
    from fastapi.dependencies.models import Dependant
    from starlette.types import Scope

    from farm.server.tables.states import Role
    from web.settings import WebSettings

SUBMISSIONS = "/api/v1/submissions"
GIT, WEBHOOK = "/api/v1/git", "/{name}/webhook"
WEBHOOKS = GIT + WEBHOOK
DOCUMENTS = frozenset(
    {
        "/api/v1/advisories",
        "/api/v1/vex",
        "/api/v1/channels/{name}/approvals",
        "/api/v1/channels/{name}/approvals/withdraw-with-signer",
        "/api/v1/channels/{name}/approvals/withdrawals",
        "/api/v1/submissions/{number}/accept",
        "/api/v1/submissions/{number}/withdraw",
        "/api/v1/worker/attempts/{attempt_id}/finish",
        "/api/v1/worker/attempts/{attempt_id}/log",
    }
)
"""Routes that take whole documents, or many signed ones; every other request fits into a small body."""


@dataclass(frozen=True, slots=True)
class RouteRequirements:
    """The requirements of a route: one of `roles`, if any. `path` is its pattern; a body that is `parsed` is JSON.

    `webhook_about` is the repository that a webhook of a forge is about: it has a signature in place of a token.
    """

    path: str = ""
    roles: tuple[Role, ...] = ()
    parsed: bool = False
    webhook_about: str | None = None

    @property
    def submits(self) -> bool:
        """Whether it takes recipes."""
        return self.path == SUBMISSIONS

    def limit(self, settings: WebSettings) -> int:
        """Return the most bytes of a body that a known caller may send."""
        if self.submits:
            return settings.submission_bytes
        return settings.document_bytes if self.path in DOCUMENTS else settings.json_bytes

    def values(self, settings: WebSettings) -> int | None:
        """Return the most JSON values of a body; None where it is not parsed."""
        if not self.parsed:
            return None
        return settings.submission_values if self.submits else settings.json_values


class Routes:
    """The routes of the API, matched before the application is called."""

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        self._routes = [
            (route, RouteRequirements(route.path, tuple(_roles(route.dependant)), route.body_field is not None))
            for router in routers
            for route in router.routes
            if isinstance(route, APIRoute)
        ]

    def asked(self, scope: Scope) -> RouteRequirements:
        """Return the requirements for a request; None if no route of the API matches."""
        for route, asked in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                return replace(asked, webhook_about=found["path_params"]["name"]) if asked.path == WEBHOOKS else asked
        return RouteRequirements()


def _roles(dependant: Dependant) -> Iterator[Role]:
    for dependency in dependant.dependencies:
        check = getattr(dependency.call, "__self__", None)
        if isinstance(check, RoleCheck):
            yield from check.roles
