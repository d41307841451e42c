"""Finished packages: written and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import aliased
from sqlmodel import col, func, or_, select

from farm.core.names.digest import Digest
from farm.core.names.printed_version import printed_version
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.reading import rows_with
from farm.server.tables.recipe_rows import RecipeRow
from farm.server.tables.records import Package
from farm.server.tables.writing import add_unless_stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from farm.core.plan.job import BlobRef


def add_package(session: Session, package: Package) -> None:
    """Record a package. An honest rebuild has the same descriptor: the first record stays."""
    add_unless_stored(session, PackageRow(**package.columns()))


def set_sbom(session: Session, digest: Digest, sbom: BlobRef) -> None:
    """Record the bill of materials of a package that had none."""
    row = session.get_one(PackageRow, digest)
    row.sbom, row.sbom_size = sbom.digest, sbom.size


def package(session: Session, digest: Digest) -> Package | None:
    """Return the package of this descriptor digest."""
    return Package.first(session, select(PackageRow).where(PackageRow.digest == digest))


def packages_of_plan(session: Session, plan: Digest) -> list[Package]:
    """Return the outputs of a plan's build, by name; empty if no build of it has succeeded."""
    query = select(PackageRow).where(PackageRow.plan == plan).order_by(PackageRow.name)
    return Package.all(session, query)


def kept_plan(session: Session, plan: Digest) -> Digest:
    """Return the plan whose packages are kept for a plan: an earlier one, if the plan's own packages were dropped."""
    kept = aliased(PackageRow)
    query = select(kept.plan).join(PackageRow, col(PackageRow.same_as) == col(kept.digest))
    found = session.exec(query.where(PackageRow.plan == plan).limit(1)).first()
    return Digest(found) if found else plan


def plans_of(session: Session, package: Digest) -> list[Digest]:
    """Return the later plans that led to the files of a package, and were dropped for it; the newest first."""
    query = select(PackageRow.plan).where(PackageRow.same_as == package).order_by(col(PackageRow.built_at).desc())
    return [Digest(plan) for plan in session.exec(query)]


def packages_of_tree(session: Session, trees: Iterable[Digest]) -> dict[tuple[str, Digest], Package]:
    """Return packages by short name and tree digest; of several with the same bytes, the one built last.

    Packages that were dropped for another are left out.
    """
    query = select(PackageRow).where(col(PackageRow.tree).in_(sorted(trees)), PackageRow.same_as == "")
    query = query.order_by(col(PackageRow.built_at))
    return {(row.name, Digest(row.tree)): Package.of(row) for row in session.exec(query)}


def current_packages(session: Session, recipes: Iterable[str] | None = None) -> list[Package]:
    """Return the packages of the newest successful build of every recipe (or of those named), by name.

    A recipe whose current revision is not built yet is represented by the build before it.
    """
    query = (
        select(PackageRow).join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan)).order_by(PackageRow.name)
    )
    if recipes is not None:
        query = query.where(col(RecipeRow.name).in_(sorted(recipes)))
    return Package.all(session, query)


def current_digests(session: Session) -> list[Digest]:
    """Return the descriptor digests of the packages that `current_packages` returns."""
    query = select(PackageRow.digest).join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan))
    return [Digest(digest) for digest in session.exec(query)]


_MOST_WORDS = 10
"""The words of a search that count."""


def builds_of(session: Session, name: str, *, limit: int = 50) -> list[Package]:
    """Return the packages ever built under a name, the newest first."""
    query = select(PackageRow).where(PackageRow.name == name).order_by(col(PackageRow.built_at).desc()).limit(limit)
    return Package.all(session, query)


def search(session: Session, text: str, *, after: str = "", limit: int = 50) -> list[Package]:
    """Return one page of the current packages that are found by `text`, by name, those after `after`.

    Name, summary or version contains each of its words.
    """
    query = select(PackageRow).join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan))
    for word in text.split()[:_MOST_WORDS]:
        columns = (PackageRow.name, PackageRow.summary, PackageRow.version)
        query = query.where(or_(*(col(column).icontains(word, autoescape=True) for column in columns)))
    query = query.where(col(PackageRow.name) > after).order_by(col(PackageRow.name)).limit(limit)
    return Package.all(session, query)


def count(session: Session) -> int:
    """Return how many current packages there are."""
    joined = col(RecipeRow.built_plan) == col(PackageRow.plan)
    return session.exec(select(func.count()).select_from(PackageRow).join(RecipeRow, joined)).one()


def current(session: Session, name: str) -> Package | None:
    """Return the package of a name from the newest successful build of its recipe."""
    query = select(PackageRow).join(RecipeRow, col(RecipeRow.built_plan) == col(PackageRow.plan))
    return Package.first(session, query.where(PackageRow.name == name))


def by_digest(session: Session, digests: Iterable[Digest]) -> dict[Digest, Package]:
    """Return these packages by the digest of their descriptor."""
    rows = rows_with(session, select(PackageRow), PackageRow.digest, digests)
    return {Digest(row.digest): Package.of(row) for row in rows}


def dropped_for(session: Session, plans: Iterable[Digest]) -> dict[Digest, str]:
    """Return, for those of these plans whose packages were dropped, the version of the package that is kept."""
    kept = aliased(PackageRow)
    query = select(PackageRow.plan, kept.version, kept.revision, kept.build).join(
        kept, col(kept.digest) == col(PackageRow.same_as)
    )
    rows = rows_with(session, query, PackageRow.plan, plans)
    return {Digest(plan): printed_version(version, revision, build) for plan, version, revision, build in rows}


def names(session: Session) -> set[str]:
    """Return the names of all packages that were ever built."""
    return set(session.exec(select(PackageRow.name).distinct()))
