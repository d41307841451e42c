"""Columns of packages, rebuilds, recipes, and of who submitted and signed the recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attack import workings
from tests.attack.editing import Edit, Feeds, Nothing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.attack.editing import Column

_ID = Nothing("a number that rows are told apart by; which row it is, others say")
_SHOWN_ONLY = Nothing("for people to read")
_NEXT = "WHERE name = 'next'"


def _one(what: str, do: object) -> Feeds:
    return Feeds((Edit(what, do),))  # type: ignore[arg-type]


def _of_viral(column: str) -> Feeds:
    """Make the honest package that is released next contain a part of one that must not be released."""
    return _one(
        f"the {column} of an honest package is that of another",
        f"UPDATE package SET {column} = :viral1_{column} {_NEXT}",
    )


_REBUILT = _one(
    "another builder has come to the very package that nobody can build again",
    "INSERT INTO attestation SELECT :lone1_digest, built_by, provenance, provenance_size, attempt_id, at FROM attestation LIMIT 1;\n"
    "DELETE FROM difference;\nUPDATE job SET state = 'succeeded' WHERE rebuild AND name = 'lone'",
)
_NO_DIFFERENCE = _one(
    "nobody came to anything else",
    "DELETE FROM difference;\nUPDATE job SET state = 'succeeded', error_code = '' WHERE rebuild AND name = 'lone'",
)
_SIGNED = _one("a stranger's recipe was signed by its owner", workings.forges_an_owner)

COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "package": {
        "digest": _one(
            "the package whose test passes is the one whose test fails",
            "DELETE FROM package WHERE digest = :broken1_digest;\nUPDATE package SET digest = :broken1_digest WHERE digest = :broken2_digest",
        ),
        "descriptor_size": _one(
            "the descriptor has another size", f"UPDATE package SET descriptor_size = descriptor_size + 1 {_NEXT}"
        ),
        "name": _one(
            "what may not be released has the name of what may",
            f"DELETE FROM package {_NEXT};\nUPDATE package SET name = 'next' WHERE name = 'viral'",
        ),
        "version": Feeds(
            (
                Edit(
                    "the older version is the newer", "UPDATE package SET version = '3.0' WHERE digest = :tool1_digest"
                ),
                Edit(
                    "what is held is what is there already",
                    "UPDATE package SET version = '1.0' WHERE digest = :kept2_digest",
                ),
            )
        ),
        "revision": _one(
            "the older one is a later revision", "UPDATE package SET revision = 99 WHERE digest = :tool1_digest"
        ),
        "platform": _one("it is for another platform", f"UPDATE package SET platform = 'linux/arm64' {_NEXT}"),
        "summary": _one(
            "a package says of itself what its recipe does not",
            f"UPDATE package SET summary = 'Safe to run as root' {_NEXT};\nUPDATE recipe_revision SET summary = 'Safe to run as root' {_NEXT}",
        ),
        "license": _one(
            "a licence that is denied is another",
            "UPDATE package SET license = 'MIT';\nUPDATE recipe_revision SET license = 'MIT'",
        ),
        "tree": _of_viral("tree"),
        "archive": _of_viral("archive"),
        "archive_size": _of_viral("archive_size"),
        "manifest_size": _one(
            "the manifest has another size", f"UPDATE package SET manifest_size = manifest_size + 1 {_NEXT}"
        ),
        "facts": Feeds(
            (
                Edit(
                    "facts of what claims no path",
                    "UPDATE package SET facts = :lib1_facts, tree = :lib1_tree, manifest_size = :lib1_manifest_size WHERE name = 'clash'",
                ),
                Edit("facts that nobody gathered", workings.softens_facts),
            )
        ),
        "facts_size": _one("the facts have another size", f"UPDATE package SET facts_size = facts_size + 1 {_NEXT}"),
        "provenance": Feeds(
            (
                Edit(
                    "the provenance is another's",
                    "UPDATE package SET provenance = :viral1_provenance, provenance_size = :viral1_provenance_size WHERE name = 'next'",
                ),
                Edit("a stranger's provenance", workings.vouches_itself),
            )
        ),
        "provenance_size": _one(
            "the provenance has another size", f"UPDATE package SET provenance_size = provenance_size + 1 {_NEXT}"
        ),
        "sbom": Feeds(
            (
                Edit(
                    "the bill of materials is another's",
                    f"UPDATE package SET sbom = :lib1_sbom, sbom_size = :lib1_sbom_size {_NEXT}",
                ),
                Edit("the bill of materials leaves things out", workings.lies_about_materials),
            )
        ),
        "sbom_size": _one(
            "the bill of materials has another size", f"UPDATE package SET sbom_size = sbom_size + 1 {_NEXT}"
        ),
        "plan": _of_viral("plan"),
        "recipe": Feeds(
            (
                Edit(
                    "it was built from an older recipe, whose test passes",
                    "UPDATE package SET recipe = :broken1_recipe WHERE digest = :broken2_digest",
                ),
                Edit("it was built from a recipe that nobody has signed", workings.names_another_recipe),
            )
        ),
        "attempt_id": _one("another attempt built it", f"UPDATE package SET attempt_id = 1 {_NEXT}"),
        "built_by": _one("a stranger built it", f"UPDATE package SET built_by = 'mallory' {_NEXT}"),
        "built_at": _one(
            "what was built first was built last",
            "UPDATE package SET built_at = '2999-01-01 00:00:00.000000' WHERE digest = :tool1_digest",
        ),
        "build": _one("it is another build", "UPDATE package SET build = 9"),
        "same_as": _one(
            "the newer package was dropped for the older",
            "UPDATE package SET same_as = :tool1_digest WHERE digest = :tool2_digest",
        ),
    },
    "attestation": dict.fromkeys(
        ("package", "built_by", "provenance", "provenance_size", "attempt_id", "at"), _REBUILT
    ),
    "difference": dict.fromkeys(("plan", "built_by", "detail", "attempt_id", "at"), _NO_DIFFERENCE),
    "consumed": dict.fromkeys(
        ("package", "library", "kind", "tree"),
        _one(
            "what was linked in is not known any more",
            "INSERT INTO consumed SELECT digest, 'lib', 'static', tree FROM package",
        ),
    ),
    "submission": {
        "id": _ID,
        "submitted_by": _SHOWN_ONLY,
        "submitted_at": _SHOWN_ONLY,
        "trace": _SHOWN_ONLY,
        "state": _one("what waits for its owner is taken", workings.takes_a_waiting_submission),
    },
    "submitted_recipe": dict.fromkeys(
        ("submission_id", "name", "digest", "files"),
        _one("an owner's submission is of a stranger's files", workings.exchanges_a_recipe),
    ),
    "recipe_signature": {
        "recipe": _SIGNED,
        "envelope": _SIGNED,
        "person": _SIGNED,
        "submission_id": _SIGNED,
        "signed_at": _SHOWN_ONLY,
    },
    "ownership": {
        "id": _ID,
        "owners": Feeds((Edit("nobody owns anything", workings.owns_all),)),
        "curators": _one("a stranger is an owner", workings.becomes_an_owner),
        "trouble": Nothing("while there is any, nothing is taken"),
    },
    "recipe_revision": {
        "id": _ID,
        "digest": _one("a stranger's files are the recipe that an owner has signed", workings.exchanges_a_recipe),
        "name": _one("a recipe makes another package", "UPDATE recipe_revision SET name = 'tool' WHERE name = 'viral'"),
        "version": _one(
            "an older recipe is a newer one",
            "UPDATE recipe_revision SET version = '9.0' WHERE name = 'tool' AND version = '1.0'",
        ),
        "revision": _one(
            "an older recipe is a later revision",
            "UPDATE recipe_revision SET revision = 99 WHERE name = 'tool' AND version = '1.0'",
        ),
        "summary": _one(
            "a package says of itself what its recipe does not",
            "UPDATE recipe_revision SET summary = 'Safe to run as root'",
        ),
        "license": _one("a licence that is denied is another", "UPDATE recipe_revision SET license = 'MIT'"),
        "toolchain": _one(
            "it is built in another toolchain", "UPDATE recipe_revision SET toolchain = 'evil' WHERE name = 'next'"
        ),
        "files": Feeds(
            (
                Edit(
                    "the recipe whose test fails consists of the files of the one whose test passes",
                    "UPDATE recipe_revision SET files = (SELECT files FROM recipe_revision WHERE name = 'broken' AND version = '1.0') WHERE name = 'broken'",
                ),
                Edit("its own test passes in another recipe", workings.softens_a_test),
            )
        ),
        "submission_id": _one("it came with another submission", "UPDATE recipe_revision SET submission_id = 1"),
        "needs_kept": _one("its needs are not known", "UPDATE recipe_revision SET needs_kept = FALSE"),
    },
    "recipe": {
        "name": _one(
            "the recipe of one package is that of another",
            "UPDATE recipe SET name = 'aside' WHERE name = 'tool';\nUPDATE recipe SET name = 'tool' WHERE name = 'viral';\nUPDATE recipe SET name = 'viral' WHERE name = 'aside'",
        ),
        "current_id": _one(
            "an older recipe is current",
            "UPDATE recipe SET current_id = (SELECT id FROM recipe_revision WHERE name = 'tool' AND version = '1.0') WHERE name = 'tool'",
        ),
        "built_id": _one(
            "an older recipe was built last",
            "UPDATE recipe SET built_id = (SELECT id FROM recipe_revision WHERE name = 'tool' AND version = '1.0') WHERE name = 'tool'",
        ),
        "built_plan": _one(
            "an older plan was carried out last",
            "UPDATE recipe SET built_plan = :tool1_plan, newest_plan = :tool1_plan, built_at = '2999-01-01 00:00:00.000000' WHERE name = 'tool'",
        ),
        "built_at": _one("all was built this moment", "UPDATE recipe SET built_at = '2999-01-01 00:00:00.000000'"),
        "newest_plan": _one(
            "an older plan is the newest", "UPDATE recipe SET newest_plan = :tool1_plan WHERE name = 'tool'"
        ),
    },
    "recipe_output": {
        "package": _one(
            "another recipe makes a package",
            "DELETE FROM recipe_output WHERE package = 'tool';\nUPDATE recipe_output SET package = 'tool' WHERE recipe = 'viral' AND package = 'viral'",
        ),
        "recipe": _one(
            "another recipe makes a package", "UPDATE recipe_output SET recipe = 'viral' WHERE package = 'tool'"
        ),
    },
    "revision_need": dict.fromkeys(
        ("revision_id", "package", "at_build"),
        _one(
            "a recipe needs what it does not name",
            "INSERT INTO revision_need SELECT id, 'viral', TRUE FROM recipe_revision WHERE name = 'next'",
        ),
    ),
}
