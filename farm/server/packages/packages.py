"""Finished packages: recorded and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import aliased
from sqlmodel import col, func, or_, select

from farm.core.names.digest import Digest
from farm.core.names.printed_version import printed_version
from farm.core.plan.job import BlobRef
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.parts import in_parts
from farm.server.tables.recipe_rows import RecipeRow
from farm.server.tables.records import Package

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session


def add_package(session: Session, package: Package) -> None:
    """Record a package. An honest rebuild comes to the same descriptor: the first record of it stays."""
    if session.get(PackageRow, package.digest) is not None:
        return
    row = PackageRow(
        digest=package.digest,
        descriptor_size=package.descriptor.size,
        name=package.name,
        version=package.version,
        revision=package.revision,
        platform=package.platform,
        summary=package.summary,
        license=package.license,
        tree=package.tree,
        archive=package.archive.digest,
        archive_size=package.archive.size,
        manifest_size=package.manifest.size,
        facts=package.facts.digest,
        facts_size=package.facts.size,
        provenance=package.provenance.digest,
        provenance_size=package.provenance.size,
        plan=package.plan,
        recipe=package.recipe,
        attempt_id=package.attempt_id,
        built_by=package.built_by,
        built_at=package.built_at,
        sbom=package.sbom.digest if package.sbom else "",
        sbom_size=package.sbom.size if package.sbom else 0,
        build=package.build,
        same_as=package.same_as or "",
    )
    session.add(row)
    session.flush()


def set_sbom(session: Session, digest: Digest, sbom: BlobRef) -> None:
    """Record the bill of materials of a package that had none."""
    row = session.get_one(PackageRow, digest)
    row.sbom, row.sbom_size = sbom.digest, sbom.size
    session.flush()


def package(session: Session, digest: Digest) -> Package | None:
    """Return the package of this descriptor digest."""
    row = session.get(PackageRow, digest)
    return package_of_row(row) if row else None


def packages_of_plan(session: Session, plan: Digest) -> list[Package]:
    """Return what the build of a plan put out, by name; empty when it was never built with success."""
    query = select(PackageRow).where(PackageRow.plan == plan).order_by(PackageRow.name)
    return [package_of_row(row) for row in session.exec(query)]


def kept_plan(session: Session, plan: Digest) -> Digest:
    """Return the plan whose packages stand for those of a plan: an earlier one, where these were dropped for its."""
    kept = aliased(PackageRow)
    query = select(kept.plan).join(PackageRow, col(PackageRow.same_as) == col(kept.digest))
    found = session.exec(query.where(PackageRow.plan == plan).limit(1)).first()
    return Digest(found) if found else plan


def plans_of(session: Session, package: Digest) -> list[Digest]:
    """Return the later plans that came to the files of a package, and were dropped for it; the newest first."""
    query = select(PackageRow.plan).where(PackageRow.same_as == package).order_by(col(PackageRow.built_at).desc())
    return [Digest(plan) for plan in session.exec(query)]


def packages_of_tree(session: Session, trees: Iterable[Digest]) -> dict[tuple[str, Digest], Package]:
    """Return packages by short name and tree digest; of several with the same bytes, the one built last.

    One that was dropped for another is none of them.
    """
    query = select(PackageRow).where(col(PackageRow.tree).in_(sorted(trees)), PackageRow.same_as == "")
    query = query.order_by(col(PackageRow.built_at))
    return {(row.name, Digest(row.tree)): package_of_row(row) for row in session.exec(query)}


def current_packages(session: Session, recipes: Iterable[str] | None = None) -> list[Package]:
    """Return the packages of the newest successful build of every recipe (or of those named), by name.

    A recipe whose current revision is not built yet is represented by the build before it.
    """
    query = (
        select(PackageRow).join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan)).order_by(PackageRow.name)
    )
    if recipes is not None:
        query = query.where(col(RecipeRow.name).in_(sorted(recipes)))
    return [package_of_row(row) for row in session.exec(query)]


def current_digests(session: Session) -> list[Digest]:
    """Return the descriptor digests of the packages that `current_packages` returns."""
    query = select(PackageRow.digest).join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan))
    return [Digest(digest) for digest in session.exec(query)]


def list_current(session: Session, *, after: str = "", limit: int = 100) -> list[Package]:
    """Return one page of the current packages, by name, those after the name `after`."""
    query = (
        select(PackageRow)
        .join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan))
        .where(PackageRow.name > after)
        .order_by(PackageRow.name)
        .limit(limit)
    )
    return [package_of_row(row) for row in session.exec(query)]


def builds_of(session: Session, name: str, *, limit: int = 50) -> list[Package]:
    """Return the packages ever built under a name, the newest first."""
    query = select(PackageRow).where(PackageRow.name == name).order_by(col(PackageRow.built_at).desc()).limit(limit)
    return [package_of_row(row) for row in session.exec(query)]


def search(session: Session, text: str, *, after: str = "", limit: int = 50) -> list[Package]:
    """Return one page of the current packages whose name or summary contains `text`, by name, those after `after`."""
    query = select(PackageRow).join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan))
    if text:
        query = query.where(
            or_(
                col(PackageRow.name).icontains(text, autoescape=True),
                col(PackageRow.summary).icontains(text, autoescape=True),
            )
        )
    query = query.where(col(PackageRow.name) > after).order_by(col(PackageRow.name)).limit(limit)
    return [package_of_row(row) for row in session.exec(query)]


def count(session: Session) -> int:
    """Return how many current packages there are."""
    joined = col(RecipeRow.built_plan) == col(PackageRow.plan)
    return session.exec(select(func.count()).select_from(PackageRow).join(RecipeRow, joined)).one()


def current(session: Session, name: str) -> Package | None:
    """Return the package of a name out of the newest successful build of its recipe."""
    query = select(PackageRow).join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan))
    row = session.exec(query.where(PackageRow.name == name)).first()
    return package_of_row(row) if row else None


def by_digest(session: Session, digests: Iterable[Digest]) -> dict[Digest, Package]:
    """Return these packages by the digest of their descriptor."""
    found: dict[Digest, Package] = {}
    for some in in_parts(digests):
        query = select(PackageRow).where(col(PackageRow.digest).in_(some))
        found |= {Digest(row.digest): package_of_row(row) for row in session.exec(query)}
    return found


def dropped_for(session: Session, plans: Iterable[Digest]) -> dict[Digest, str]:
    """Return the version of what is kept in place of the packages of these plans, of those that were dropped."""
    kept = aliased(PackageRow)
    query = select(PackageRow.plan, kept.version, kept.revision, kept.build).join(
        kept, col(kept.digest) == col(PackageRow.same_as)
    )
    found: dict[Digest, str] = {}
    for some in in_parts(plans):
        for plan, version, revision, build in session.exec(query.where(col(PackageRow.plan).in_(some))):
            found[Digest(plan)] = printed_version(version, revision, build)
    return found


def names(session: Session) -> set[str]:
    """Return the names of all packages that were ever built."""
    return set(session.exec(select(PackageRow.name).distinct()))


def package_of_row(row: PackageRow) -> Package:
    """Return the value of a row."""
    return Package(
        digest=Digest(row.digest),
        descriptor=BlobRef(Digest(row.digest), row.descriptor_size),
        name=row.name,
        version=row.version,
        revision=row.revision,
        platform=row.platform,
        summary=row.summary,
        license=row.license,
        tree=Digest(row.tree),
        archive=BlobRef(Digest(row.archive), row.archive_size),
        manifest=BlobRef(Digest(row.tree), row.manifest_size),
        facts=BlobRef(Digest(row.facts), row.facts_size),
        provenance=BlobRef(Digest(row.provenance), row.provenance_size),
        plan=Digest(row.plan),
        recipe=Digest(row.recipe),
        attempt_id=row.attempt_id,
        built_by=row.built_by,
        built_at=row.built_at,
        sbom=BlobRef(Digest(row.sbom), row.sbom_size) if row.sbom else None,
        build=row.build,
        same_as=Digest(row.same_as) if row.same_as else None,
    )
