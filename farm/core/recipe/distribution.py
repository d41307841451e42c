"""The distribution of a recipe tree: its DNS name, which all its package names begin with."""

from __future__ import annotations

from dataclasses import dataclass

from farm.core.files.document import parse
from farm.core.files.fields import Fields
from farm.core.files.problems import quoted
from farm.core.files.values import InvalidValueError
from farm.core.names.package_name import InvalidPackageNameError, PackageName


@dataclass(frozen=True, slots=True)
class Distribution:
    """`recipes/distribution.yaml`: the domain (lower-case DNS name) and a one-line description."""

    domain: str
    summary: str = ""


def read_distribution(text: bytes, file: str) -> Distribution:
    """Read `distribution.yaml`; raises `RecipeError`."""
    document, root = parse(text, file)
    fields = Fields(document, root, "a distribution", known=("domain", "summary"), required=("domain",))
    domain = fields.parsed("domain", _domain) or ""
    distribution = Distribution(domain, fields.line("summary"))
    document.finish()
    return distribution


def _domain(text: str) -> str:
    try:
        # PackageName checks a distribution's DNS name; any short name completes it.
        return PackageName(text, "any").distribution
    except InvalidPackageNameError as error:
        message = f"{quoted(text)} is not a lower-case DNS name"
        raise InvalidValueError(message, remedy="Write it as dist.example.org.") from error
