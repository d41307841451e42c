"""Reading an image file: the packages of an image and how it runs. Does not check whether the packages exist."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.core.files import values as names
from farm.core.files.fields import AS_WRITTEN, Fields, check_kind, read_pairs, read_parsed, read_text
from farm.core.files.matching import InvalidValueError, Matching
from farm.core.files.problems import Problem, RecipeError, quoted
from farm.core.subscriber.image_values import (
    environment_name,
    image_path,
    import_path,
    label_name,
    port,
    user,
    value,
    volume,
)
from farm.errors import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farm.core.files.document import Document, Node, Observe

KEYS = (
    "packages", "files", "run", "command", "entrypoint", "env", "user", "workdir", "labels", "ports", "volumes",
    "channel", "replaces", "imports",
)  # fmt: skip
_SCALARS = (*AS_WRITTEN, "boolean")

_channel = Matching(
    r"[A-Za-z0-9.-]+/[a-z0-9][a-z0-9+.-]*|[a-z0-9][a-z0-9+.-]*",
    "is not a channel",
    "Write it as dist.example.org/stable, as `farm subscribe` shows it.",
)


@dataclass(frozen=True, slots=True)
class AskedName:
    """The name of a package or a command in a file, with its place and line."""

    name: str
    place: Place
    excerpt: str

    def problem(self, message: str, remedy: str) -> Problem:
        """Return a problem with the name, underlined."""
        return Problem(self.place, message, remedy, self.excerpt, len(self.name))


@dataclass(frozen=True, slots=True)
class OwnDirectory:
    """A directory of the user: its path relative to the image file, and its path in the image (`app`).

    An empty path puts its content at the image's root.
    """

    source: str
    path: str


@dataclass(frozen=True, slots=True, order=True)
class PathImport:
    """A package, or the directory `inside` it, at a path of the user's choice, relative to the root (`srv/www`)."""

    path: str
    package: str
    inside: str = ""

    def __str__(self) -> str:
        return f"{self.package}:{self.inside}" if self.inside else self.package


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """The content of an image file. `user` and `workdir` are empty where it has none; pairs are sorted by name.

    `packages` include those of `imports`. `command` are the words that run unless others are given, `replaces` short
    names of packages whose links the user's own files replace. `ports` are `8080/tcp`. `starts` is the first word to
    execute: of the entrypoint, else of the command; `works_in` is `workdir` as it was written. They are None where the
    file has none.
    """

    packages: tuple[AskedName, ...]
    files: tuple[OwnDirectory, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    user: str = ""
    workdir: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    channel: str = ""
    replaces: tuple[str, ...] = ()
    imports: tuple[PathImport, ...] = ()
    starts: AskedName | None = field(default=None, compare=False)
    works_in: AskedName | None = field(default=None, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The requested packages, in no order."""
        return tuple(sorted(package.name for package in self.packages))


def read_image_file(text: bytes, file: str, *, observe: Observe | None = None) -> ImageFile:
    """Read an image file; raises `RecipeError` with all its problems."""
    fields = Fields.of_file(text, file, "an image", known=KEYS, required=("packages",), observe=observe)
    document = fields.document
    asked = _Asked(text, file)
    packages = _packages(fields, asked)
    imports = _imports(fields, asked)
    if "packages" in fields and not document.problems and not packages:
        fields.report("packages", "an image needs at least one package", "Name what it is to run.")
    if "run" in fields and "command" in fields:
        fields.report("command", "run and command mean the same", "Keep run.")
    return document.finished(
        ImageFile(
            packages=tuple({name.name: name for name in (*(one for _, one in imports), *packages)}.values()),
            files=_files(fields),
            entrypoint=_words(fields, "entrypoint"),
            command=_words(fields, "run") or _words(fields, "command"),
            environment=_pairs(fields, "env", environment_name),
            user=fields.parsed("user", user, AS_WRITTEN) or "",
            workdir="" if (path := fields.parsed("workdir", image_path)) is None else f"/{path}",
            labels=_pairs(fields, "labels", label_name),
            ports=_sorted(fields, "ports", port),
            volumes=tuple(f"/{path}" for path in _sorted(fields, "volumes", volume)),
            channel=fields.parsed("channel", _channel) or "",
            replaces=_sorted(fields, "replaces", names.needed_name),
            imports=tuple(sorted(path for path, _ in imports)),
            starts=_starts(fields, asked),
            works_in=asked(node.text, node) if (node := fields.get("workdir")) else None,
        )
    )


class _Asked:
    """Records where in the file packages are requested."""

    def __init__(self, text: bytes, file: str) -> None:
        self._lines = text.decode("utf-8", "replace").split("\n")
        self._file = file

    def __call__(self, name: str, node: Node) -> AskedName:
        return AskedName(name, Place(self._file, node.line, node.column), self._lines[node.line - 1].rstrip())


def _packages(fields: Fields, asked: _Asked) -> tuple[AskedName, ...]:
    found: dict[str, AskedName] = {}
    for node in fields.items("packages"):
        name = read_parsed(fields.document, node, "each item of packages", names.needed_name, AS_WRITTEN)
        if name is None:
            continue
        if name in found:
            fields.document.report(node, f"packages names {name} twice", "Keep one of them.")
        found.setdefault(name, asked(name, node))
    return tuple(found[name] for name in sorted(found))


def _imports(fields: Fields, asked: _Asked) -> list[tuple[PathImport, AskedName]]:
    """Read `imports`: paths, each with a package or, after a colon, a directory in one."""
    found = []
    for key, node in fields.pairs("imports"):
        path = read_parsed(fields.document, key, "a path in imports", import_path)
        text = read_text(fields.document, node, f"what is imported at {key.text}")
        name, colon, inside = text.partition(":")
        if path is None or not text:
            continue
        try:
            package = names.needed_name(name)
            found.append((PathImport(path, package, names.package_path(inside) if colon else ""), asked(package, node)))
        except InvalidValueError as error:
            fields.document.report(node, error.message, error.remedy or "Write it as jq, or jq:share/doc.")
    return found


def _files(fields: Fields) -> tuple[OwnDirectory, ...]:
    """Read `files`: one directory, which keeps its name in the image, or a mapping of directories to paths there."""
    node = fields.get("files")
    if node is None or not check_kind(fields.document, node, "files", "text", "mapping"):
        return ()
    if node.kind == "text":
        source = _source(fields.document, node)
        name = source.rstrip("/").rpartition("/")[2]
        if source and name in ("", ".", ".."):
            fields.document.report(
                node, f"{quoted(source)} has no name of its own", f"Write files: {{{source}: /app}}."
            )
            return ()
        return (OwnDirectory(source, name),) if source else ()
    found: dict[str, str] = {}
    for key, place in read_pairs(fields.document, node, "files"):
        source = _source(fields.document, key)
        path = read_parsed(fields.document, place, f"the place of {key.text}", image_path)
        if source and path is not None:
            found[source] = path
    return tuple(OwnDirectory(source, path) for source, path in sorted(found.items()))


def _source(document: Document, node: Node) -> str:
    if not node.text or not node.text.isprintable():
        document.report(node, f"{quoted(node.text)} is not a directory", "Name one beside the image file, as ./app.")
        return ""
    return node.text


def _words(fields: Fields, key: str) -> tuple[str, ...]:
    words = tuple(
        read_parsed(fields.document, node, f"each word of {key}", value, _SCALARS) or "" for node in fields.items(key)
    )
    if words and not words[0]:
        fields.report(key, f"{key} begins with an empty word", "Begin with the command.")
    return words


def _starts(fields: Fields, asked: _Asked) -> AskedName | None:
    lists = (fields.get(key) for key in ("entrypoint", "run", "command"))
    node = next((listed.items[0] for listed in lists if listed and listed.items), None)
    return asked(node.text, node) if node else None


def _pairs(fields: Fields, key: str, check: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for name, node in fields.pairs(key):
        checked = read_parsed(fields.document, name, f"a name in {key}", check)
        text = read_parsed(fields.document, node, f"the value of {name.text}", value, _SCALARS)
        if checked is not None and text is not None:
            found[checked] = text
    return tuple(sorted(found.items()))


def _sorted(fields: Fields, key: str, check: Callable[[str], str]) -> tuple[str, ...]:
    return tuple(sorted(fields.unique(key, check, AS_WRITTEN)))


def unknown_packages(image: ImageFile, problems: Mapping[str, tuple[str, str]]) -> RecipeError:
    """Return the error for packages that do not exist; `problems` has message and remedy by name, at least one."""
    return RecipeError(
        package.problem(*problems[package.name]) for package in image.packages if package.name in problems
    )
