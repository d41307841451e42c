"""Pages of packages: the searchable list, and the page with all that is known of one package."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from farm.core.files.problems import RecipeError
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.package.descriptor import Descriptor
from farm.core.sets.proof.proof import called_commands
from farm.server.channels import releases
from farm.server.git.recipe_commits import commit_of
from farm.server.jobs import attempts
from farm.server.jobs.code_copies import copies_of
from farm.server.jobs.planning import plan_of
from farm.server.packages import attestations, packages
from farm.server.packages.code_consumers import kinds_of
from farm.server.recipes import recipes
from web.auth import ApplicationHere
from web.pages.invitation import pulled_as
from web.pages.job_lines import job_lines
from web.pages.lost import Lost, unless_lost
from web.pages.package_parts import advisories_about, by_kind, hardening_lines
from web.pages.recipe_state import channel_places, recipe_state
from web.pages.release_needs import NOTHING, needs_in_release
from web.pages.rendering import PagesHere
from web.problems import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.plan.plan import Plan
    from farm.core.recipe.recipe import Recipe
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.git.recipe_commits import RecipeCommit
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.store.blobs import BlobStore
    from web.pages.package_parts import Group
    from web.pages.rendering import Pages

router = APIRouter()

_PAGE = 100


@router.get("/packages")
def package_list(
    request: Request,
    application: ApplicationHere,
    pages: PagesHere,
    q: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """List the current packages by name; `q` is searched in names and summaries."""
    text = q.strip()
    with application.reading() as unit:
        found = packages.search(unit.session, text, after=after, limit=_PAGE + 1)
        total = packages.count(unit.session)
    chosen = {"q": text} if text else {}
    following = urlencode({**chosen, "after": found[_PAGE - 1].name}) if len(found) > _PAGE else ""
    return pages.page(
        request,
        "packages.html",
        packages=found[:_PAGE],
        total=total,
        q=text,
        following=following,
        beginning=urlencode(chosen),
        paged=bool(after),
    )


@router.get("/packages/{name}")
def package_page(
    *,
    request: Request,
    application: ApplicationHere,
    pages: PagesHere,
    name: str,
    build: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """Show the newest build of a package, or its build whose descriptor has the digest `build`."""
    with application.reading() as unit:
        package = _find(unit, name, build)
        if package is None:
            return _unbuilt_page(request, pages, unit, name)
        view = _view(unit, package)
    return pages.page(
        request,
        "package.html",
        package=package,
        view=view,
        files=unless_lost(lambda: _files(application.blobs, package)),
        image=pulled_as(request, pages, view["memberships"][0].channel, package.name) if view["memberships"] else "",
    )


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A source of a build as its provenance names it; `address` is its address in the recipe."""

    file: str
    digest: Digest
    address: str


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a package in its manifest: their number, the number of links, and their unpacked size in bytes."""

    count: int
    links: int
    size: int


def _unbuilt_page(request: Request, pages: Pages, unit: UnitOfWork, name: str) -> HTMLResponse:
    """Show what is known of a package that a recipe makes, and that was never built."""
    state = recipe_state(unit, name)
    if state is None:
        raise NotFoundError(f"No package {name[:100]} has been built here, and no recipe makes it.")
    line = job_lines(unit.session, [state.job], now=unit.now)[0] if state.job else None
    return pages.page(request, "recipe.html", name=name, recipe=state, line=line, places=channel_places(unit, name))


def _find(unit: UnitOfWork, name: str, build: str) -> Package | None:
    """Return the build of a package that a page shows; None if it was never built."""
    if build:
        try:
            package = packages.package(unit.session, Digest(build))
        except InvalidDigestError:
            package = None
        if package is None or package.name != name:
            raise NotFoundError(f"The package {name[:100]} has no such build.")
        return package
    current = packages.current(unit.session, name)
    return current or next(iter(packages.builds_of(unit.session, name, limit=1)), None)


def _view(unit: UnitOfWork, package: Package) -> dict[str, Any]:
    """Return what the page shows of a package besides its row. `needs` are those in `release`.

    `copies` are the packages that hold code of this one, `advisories` those about it, `hardening` what its files lack;
    `opened` is what its own build opened of others, by kind, and `called` the commands that scripts name. What needs a
    blob that is lost is `Lost`.
    """
    session = unit.session
    descriptor = unless_lost(lambda: Descriptor.from_json(unit.blobs.read(package.digest)))
    plan = plan_of(unit, package.plan)
    release = _release_for_needs(unit, package)
    toolchain = unit.inputs.toolchain_of(plan.toolchain)
    return {
        "descriptor": descriptor,
        "provides": descriptor if isinstance(descriptor, Lost) else by_kind(descriptor.provides),
        "requires": descriptor if isinstance(descriptor, Lost) else by_kind(descriptor.requires),
        "plan": plan,
        "attempt": attempts.attempt(session, package.attempt_id),
        "attestations": attestations.attestations_of(session, [package.digest]).get(package.digest, ()),
        "differences": attestations.differences_of(session, [package.plan]).get(package.plan, ()),
        "sources": unless_lost(lambda: _sources(unit, package, plan)),
        "toolchain": toolchain.name if toolchain else "",
        "builds": packages.builds_of(session, package.name, limit=20),
        "current": packages.current(session, package.name),
        "commit": _commit(unit, package),
        "recipe": recipe_state(unit, package.name),
        "places": channel_places(unit, package.name),
        "memberships": releases.releases_with(session, package.digest),
        "release": release,
        "needs": unless_lost(lambda: needs_in_release(unit, release, package.name)) if release else NOTHING,
        "copies": copies_of(unit, package.name),
        "advisories": advisories_about(unit, package),
        "hardening": unless_lost(lambda: hardening_lines(unit, package)),
        "opened": kinds_of(session, package.digest),
        "called": unless_lost(lambda: _called(unit, package)),
    }


def _commit(unit: UnitOfWork, package: Package) -> RecipeCommit | None:
    """Return the commit of the recipe that a package was built from, if it came from git."""
    revision = recipes.find_revision(unit.session, package.recipe)
    return commit_of(unit.session, revision.submission, revision.name) if revision else None


def _called(unit: UnitOfWork, package: Package) -> list[Group]:
    called = called_commands([unit.packages.member(package)])
    return by_kind(f"command:{command.command}" for command in called)


def _release_for_needs(unit: UnitOfWork, package: Package) -> ReleaseRecord | None:
    """Return the newest release of the first channel whose newest release has a package of this name."""
    newest = [releases.newest_release(unit.session, channel) for channel in releases.channels(unit.session)]
    found = [release for release in newest if release is not None]
    holding = [
        release
        for release in found
        if releases.members_named(unit.session, release.channel, release.number, [package.name])
    ]
    return next(iter([*holding, *found]), None)


def _sources(unit: UnitOfWork, package: Package, plan: Plan) -> list[SourceLine]:
    recipe = _recipe(unit, package)
    addresses = _addresses(recipe)
    lines = [SourceLine(source.file, source.digest, addresses.get(source.file, "")) for source in plan.sources]
    carried = recipe.carried if recipe else ()
    of = ((source, f"what Debian built {', '.join(source.of)} from") for source in carried)
    return [*lines, *(SourceLine(source.file, source.digest, words) for source, words in of)]


def _recipe(unit: UnitOfWork, package: Package) -> Recipe | None:
    revision = recipes.find_revision(unit.session, package.recipe)
    with suppress(RecipeError):  # the present steps may not know an old recipe: its addresses are lost
        return unit.recipes.recipe(revision) if revision else None
    return None


def _addresses(recipe: Recipe | None) -> Mapping[str, str]:
    return {
        source.file: source.url or (f"Debian's binary package {source.debian_package}" if source.debian_package else "")
        for source in (recipe.sources if recipe else ())
    }


def _files(blobs: BlobStore, package: Package) -> Files:
    entries = json.loads(blobs.read(package.manifest.digest))["entries"]
    sizes = [entry["size"] for entry in entries if entry["type"] == "file"]
    return Files(len(sizes), sum(entry["type"] == "link" for entry in entries), sum(sizes))
