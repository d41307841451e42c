"""The distribution of a recipe tree, which all its package names begin with, and the others that it imports from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.files import values
from farm.core.files.document import parse
from farm.core.files.fields import Fields, read_pairs, read_parsed
from farm.core.files.matching import InvalidValueError
from farm.core.files.problems import quoted
from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.names.package_name import InvalidPackageNameError, PackageName

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from farm.core.files.document import Document, Node, Observe

DISTRIBUTIONS = "distributions.yaml"
OWN_KEYS = ("domain", "summary")
KEYS = ("address", "channel", "root")


@dataclass(frozen=True, slots=True)
class Distribution:
    """`recipes/distribution.yaml`: the domain (lower-case DNS name) and a one-line description."""

    domain: str
    summary: str = ""


def read_distribution(text: bytes, file: str, *, observe: Observe | None = None) -> Distribution:
    """Read `distribution.yaml`; raises `RecipeError`."""
    fields = Fields.of_file(text, file, "a distribution", known=OWN_KEYS, required=("domain",), observe=observe)
    domain = fields.parsed("domain", _domain) or ""
    return fields.document.finished(Distribution(domain, fields.line("summary")))


@dataclass(frozen=True, slots=True)
class OtherDistribution(Form, record="distribution"):
    """Another distribution by its DNS name, at an http(s) URL. `root` is the fingerprint of its root metadata."""

    name: str
    address: str
    channel: str
    root: Digest


def check_known(need: str, known: Collection[str]) -> None:
    """Refuse a full name whose distribution is not one of `known`. Raises `InvalidValueError`."""
    owner, slash, _ = need.rpartition("/")
    if slash and owner not in known:
        named = f"; named there: {', '.join(sorted(known))}" if known else ""
        raise InvalidValueError(
            f"{quoted(need)} is of a distribution that {DISTRIBUTIONS} does not name{named}",
            remedy=f"Name it in {DISTRIBUTIONS} with address, channel and root; own packages go by their short name.",
            code="unknown-distribution",
        )


def read_distributions(
    text: bytes, file: str, *, own: str = "", observe: Observe | None = None
) -> Mapping[str, OtherDistribution]:
    """Read `distributions.yaml`, by name. `own` is the tree's own distribution. Raises `RecipeError`."""
    document, root = parse(text, file, observe=observe)
    found: dict[str, OtherDistribution] = {}
    for key, value in read_pairs(document, root, "distributions.yaml"):
        name = read_parsed(document, key, "the name of a distribution", _domain)
        if name is not None and name == own:
            document.report(key, f"{own} is the distribution of this very tree", "Remove it: own packages need no pin.")
        read = _read(document, value, name or "a distribution")
        if read is not None and name is not None:
            found[name] = read
    return document.finished(dict(sorted(found.items())))


def _read(document: Document, node: Node, name: str) -> OtherDistribution | None:
    fields = Fields(document, node, name, known=KEYS, required=KEYS)
    address = fields.parsed("address", _address)
    channel = fields.parsed("channel", values.word)
    root = fields.parsed("root", Digest)
    return OtherDistribution(name, address, channel, root) if address and channel and root else None


def _domain(text: str) -> str:
    try:
        # PackageName checks a distribution's DNS name; any short name completes it.
        return PackageName(text, "any").distribution
    except InvalidPackageNameError as error:
        raise InvalidValueError(
            f"{quoted(text)} is not a lower-case DNS name", remedy="Write it as dist.example.org."
        ) from error


def _address(text: str) -> str:
    values.url(text)
    if any(sign in text for sign in "?#;"):
        raise InvalidValueError(
            f"the address {quoted(text)} has a query or a fragment", remedy="Name the folder of the repository."
        )
    return text
