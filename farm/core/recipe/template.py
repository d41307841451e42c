"""Templates in recipes: `{{ version }}`, only in sources and step arguments.

Jinja2 parses; an allowlist of expression nodes decides what may run at all, because a sandbox bounds neither memory nor
time; the sandbox and the bounded filters are the second and third line of defence.
"""

from __future__ import annotations

from functools import cache, lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, TemplateError, UndefinedError, nodes
from jinja2.sandbox import SandboxedEnvironment

from farm.core.files import values
from farm.core.files.fields import AS_WRITTEN
from farm.core.files.problems import quoted, suggestion
from farm.core.names.version import Version
from farm.errors import FarmError

if TYPE_CHECKING:
    from jinja2 import Template

    from farm.core.files.fields import Fields

_LONGEST_TEMPLATE = 1024
_LONGEST_RESULT = 4096
_MOST_FILTERS = 8
_VARIABLES = ("name", "revision", "version")
_VERSION_PARTS = ("major", "minor", "patch")


class TemplateRefusedError(FarmError):
    """A template contains more than the few allowed expressions, or renders no value."""

    code = "template-refused"


class _VersionText(str):
    """The version for templates: its text, and the first three of its dotted parts."""

    __slots__ = ()

    def __getattr__(self, part: str) -> str:
        if part not in _VERSION_PARTS:
            raise AttributeError(part)
        found = dict(zip(_VERSION_PARTS, self.split("."), strict=False))
        if part not in found:
            raise UndefinedError(f"the version {self} has no {part} part")
        return found[part]


class Templates:
    """Renders the templates of one recipe, for its name, version and revision."""

    def __init__(self, *, name: str, version: Version, revision: int) -> None:
        self.name, self.version, self.revision = name, version, revision
        self._values = {"name": name, "version": _VersionText(version.text), "revision": str(revision)}

    def render(self, text: str) -> str:
        """Return the text with its expressions rendered; raises `TemplateRefusedError`."""
        if "{" not in text:
            return text
        if len(text) > _LONGEST_TEMPLATE:
            raise TemplateRefusedError(
                f"a template has at most {_LONGEST_TEMPLATE} characters, and this has {len(text)}"
            )
        try:
            result = _compiled(text).render(self._values)
        except (TemplateError, TypeError, ValueError, RecursionError) as error:
            raise TemplateRefusedError(f"this template makes no value: {error}") from error
        if len(result) > _LONGEST_RESULT:
            raise TemplateRefusedError(f"the template's result is longer than {_LONGEST_RESULT} characters")
        return result


def read_templates(fields: Fields) -> Templates:
    """Read name, version and revision of a recipe, and return the templates for them."""
    return Templates(
        name=fields.parsed("name", values.short_name) or "unnamed",
        version=fields.parsed("version", Version, AS_WRITTEN) or Version("0"),
        revision=fields.integer("revision", 1, least=1, most=999_999),
    )


@lru_cache(maxsize=512)
def _compiled(text: str) -> Template:
    """Return a checked template. Most are those of the steps, which all recipes of a tree have in common."""
    environment = _environment()
    tree = environment.parse(text)
    _check(tree)
    return environment.from_string(tree)


@cache
def _environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, cache_size=0
    )
    environment.filters = dict(_FILTERS)
    environment.globals = {}
    environment.tests = {}
    return environment


_PLAIN_NODES = (nodes.Template, nodes.Output, nodes.TemplateData)


def _check(tree: nodes.Template) -> None:
    filters = 0
    pending: list[nodes.Node] = [tree]
    while pending:
        node = pending.pop()
        filters += isinstance(node, nodes.Filter)
        _check_node(node)
        pending.extend(node.iter_child_nodes())
    if filters > _MOST_FILTERS:
        raise TemplateRefusedError(f"a template has at most {_MOST_FILTERS} filters, and this has {filters}")


def _check_node(node: nodes.Node) -> None:
    match node:
        case nodes.Name(name=name):
            if name not in _VARIABLES:
                raise TemplateRefusedError(
                    f"a template has no variable {quoted(name)}", remedy=suggestion(name, _VARIABLES)
                )
        case nodes.Getattr(node=nodes.Name(name="version"), attr=attribute):
            if attribute not in _VERSION_PARTS:
                raise TemplateRefusedError(
                    f"version has no part {quoted(attribute)}", remedy=suggestion(attribute, _VERSION_PARTS)
                )
        case nodes.Filter(name=name, kwargs=[], dyn_args=None, dyn_kwargs=None):
            if name not in _FILTERS:
                raise TemplateRefusedError(
                    f"a template has no filter {quoted(name)}", remedy=suggestion(name, _FILTERS)
                )
        case nodes.Const(value=value) if isinstance(value, str | int):
            pass
        case _ if isinstance(node, _PLAIN_NODES):
            pass
        case _:
            kind = type(node).__name__.lower()
            raise TemplateRefusedError(
                f"a template cannot hold this ({kind})",
                remedy="Use name, version, revision, version.major, and the filters replace, split, join, first, last.",
            )


def _bounded(text: str) -> str:
    if len(text) > _LONGEST_RESULT:
        raise ValueError(f"a value is longer than {_LONGEST_RESULT} characters")
    return text


def _replace(value: str, old: str, new: str) -> str:
    if not old:
        raise ValueError("replace needs a text to look for")
    return _bounded(str(value).replace(old, new))


def _split(value: str, separator: str) -> list[str]:
    return str(value).split(separator)


def _join(value: list[str], separator: str = "") -> str:
    return _bounded(separator.join(value))


_FILTERS: dict[str, Any] = {
    "replace": _replace,
    "split": _split,
    "join": _join,
    "first": itemgetter(0),
    "last": itemgetter(-1),
}
