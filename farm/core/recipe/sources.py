"""The `source` key of a recipe: what a build starts from, and where its bytes may come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from farm.core.files import values
from farm.core.files.fields import AS_WRITTEN, Fields, check_kind, read_parsed
from farm.core.files.matching import InvalidValueError
from farm.core.files.problems import quoted, suggestion
from farm.core.names.digest import Digest
from farm.core.recipe.archive_names import OTHER_SUFFIXES, UNPACKED_SUFFIXES, unpacked_file
from farm.core.recipe.recipe import CarriedSource, Origin, OriginKind, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farm.core.files.document import Document, Node
    from farm.core.recipe.template import Templates

_RENAME = "Name one of them with the key file."
_PATCHES = (".patch", ".diff")
_KEYS = ("url", "sha256", "origins", "file", "unpack", "from-toolchain", "source-of")
_ORIGINS: Mapping[OriginKind, Callable[[str], str]] = {
    "debian": values.debian_source,
    "pypi": values.pypi_release,
    "url": values.url,
}


@dataclass(frozen=True, slots=True)
class _Reader:
    document: Document
    templates: Templates
    beside: Mapping[str, bytes]

    def source(self, node: Node) -> Source | CarriedSource | None:
        fields = Fields(self.document, node, "a source", known=_KEYS)
        if node.kind != "mapping":
            return None
        if "from-toolchain" in fields:
            return self._from_toolchain(fields)
        if "source-of" in fields:
            return self._carried(fields)
        return self._fetched(fields) if "url" in fields or "sha256" in fields else self._beside(fields)

    def _rendered(self, read: Callable[[str], str]) -> Callable[[str], str]:
        return lambda text: read(self.templates.render(text))

    def _from_toolchain(self, fields: Fields) -> Source | None:
        self._refuse_others(fields, "from-toolchain")
        package = fields.parsed("from-toolchain", values.word) or ""
        return Source(f"{package}.deb", None, unpack=False, debian_package=package)

    def _carried(self, fields: Fields) -> CarriedSource | None:
        for key in ("sha256", "file", "origins"):
            if key not in fields:
                fields.report(key, f"a source that is only carried lacks the key {key}", f"Add {key}.")
        if "unpack" in fields:
            fields.report("unpack", "unpack cannot stand with source-of: no build starts from it", "Remove unpack.")
        of = fields.unique("source-of", values.word)
        digest = fields.parsed("sha256", values.sha256, AS_WRITTEN)
        address = fields.parsed("url", self._rendered(values.url)) or ""
        origins = tuple(origin for node in fields.items("origins") if (origin := self._origin(node)))
        file = fields.parsed("file", self._rendered(values.file_name)) or ""
        return CarriedSource(file, digest, address, origins, tuple(f"{deb}.deb" for deb in of)) if digest else None

    def _fetched(self, fields: Fields) -> Source | None:
        for key in ("url", "sha256"):
            if key not in fields:
                fields.report(key, f"a source lacks the key {key}", f"Add {key}.")
        address = fields.parsed("url", self._rendered(values.url)) or ""
        digest = fields.parsed("sha256", values.sha256, AS_WRITTEN)
        origins = tuple(origin for node in fields.items("origins") if (origin := self._origin(node)))
        if "file" in fields:
            file = fields.parsed("file", self._rendered(values.file_name)) or ""
        else:
            file = self._name_from(address, fields)
        return Source(file, digest, address, origins, self._unpack(fields, file), file.endswith(_PATCHES))

    def _name_from(self, address: str, fields: Fields) -> str:
        file = unquote(urlsplit(address).path.rpartition("/")[2])
        try:
            return values.file_name(file) if address else ""
        except InvalidValueError as error:
            fields.report("url", error.message, "Name the file with the key file.")
            return ""

    def _beside(self, fields: Fields) -> Source | None:
        if "file" not in fields:
            fields.report("", "a source needs url and sha256, or file, or from-toolchain")
            return None
        self._refuse_others(fields, "file", "unpack")
        file = fields.parsed("file", self._rendered(values.file_name)) or ""
        content = self.beside.get(file)
        if content is None and file:
            fields.report(
                "file",
                f"no file {quoted(file)} lies beside the recipe",
                suggestion(file, self.beside) if self.beside else "",
            )
        digest = Digest.of(content or b"")
        return Source(file, digest, unpack=self._unpack(fields, file), patch=file.endswith(_PATCHES))

    def _unpack(self, fields: Fields, file: str) -> bool:
        unpack = fields.boolean("unpack", default=file.endswith(UNPACKED_SUFFIXES))
        if unpack and not file.endswith(UNPACKED_SUFFIXES):
            fields.report("unpack", f"{quoted(file)} is not named like an archive that can be unpacked")
        elif "unpack" not in fields and not unpack:
            self._report_left_packed(fields, file)
        return unpack

    def _report_left_packed(self, fields: Fields, file: str) -> None:
        """Report an archive by its name that would be left packed, though nobody said so."""
        key = "file" if "file" in fields else "url"
        if file.lower().endswith(OTHER_SUFFIXES):
            fields.report(
                key,
                f"{quoted(file)} is an archive of a format that cannot be unpacked",
                "Take another archive of the same release; or write unpack: false, and unpack it in a step.",
            )
        elif file.lower().endswith(UNPACKED_SUFFIXES):
            fields.report(
                key, f"{quoted(file)} is named like an archive, in capitals", "Write file: with small letters."
            )

    def _refuse_others(self, fields: Fields, *allowed: str) -> None:
        for key in _KEYS:
            if key in fields and key not in allowed:
                fields.report(key, f"{key} cannot stand with {allowed[0]}", f"Remove {key}.")

    def _origin(self, node: Node) -> Origin | None:
        if not check_kind(self.document, node, "an origin", "mapping"):
            return None
        self.document.declare(node, known=tuple(_ORIGINS), minProperties=1, maxProperties=1)
        if len(node.pairs) != 1:
            self.document.report(node, "an origin has one key", "Write it as debian: name, one item each.")
            return None
        key, value = node.pairs[0]
        for kind, check in _ORIGINS.items():
            if kind == key.text:
                reference = read_parsed(self.document, value, kind, self._rendered(check))
                return Origin(kind, reference or "")
        self.document.report(key, f"there is no kind of origin {quoted(key.text)}", suggestion(key.text, _ORIGINS))
        return None


def read_sources(
    fields: Fields, templates: Templates, beside: Mapping[str, bytes]
) -> tuple[tuple[Source, ...], tuple[CarriedSource, ...]]:
    """Read `source`, a mapping or a list of them; returns also the sources that are only carried.

    `beside` are the files next to the recipe.
    """
    node, document = fields.get("source"), fields.document
    if node is None:
        return (), ()
    reader = _Reader(document, templates, beside)
    nodes = node.items if node.kind == "list" else (node,)
    sources: list[Source] = []
    carried: list[CarriedSource] = []
    names_used: set[str] = set()
    for item in nodes:
        source = reader.source(item)
        if source is None:
            continue
        if source.file in names_used:
            document.report(item, f"two sources are named {quoted(source.file)}", _RENAME)
        names_used.add(source.file)
        if isinstance(source, Source) and source.unpack and (made := unpacked_file(source.file)) != source.file:
            if made in names_used:
                document.report(item, f"a source is named {quoted(made)}, which {source.file} is unpacked as", _RENAME)
            names_used.add(made)
        if isinstance(source, Source):
            sources.append(source)
        else:
            _report_not_taken(document, item, source, sources)
            carried.append(source)
    _report_unused(fields, sources, beside)
    return tuple(sources), tuple(carried)


def _report_not_taken(document: Document, item: Node, carried: CarriedSource, sources: list[Source]) -> None:
    taken = {source.file for source in sources if source.debian_package}
    if others := sorted(set(carried.of) - taken):
        named = ", ".join(other.removesuffix(".deb") for other in others)
        document.report(item, f"the recipe takes no {named} from the toolchain", "Name it above it, by from-toolchain.")


def _report_unused(fields: Fields, sources: list[Source], beside: Mapping[str, bytes]) -> None:
    used = {source.file for source in sources}
    for file in sorted(beside):
        if file.endswith(_PATCHES) and file not in used:
            fields.report(
                "source", f"{quoted(file)} lies beside the recipe and no source names it", f"Add file: {file}."
            )
