"""`recipe.yaml` → a checked `Recipe`: all problems of the file are found before an error is raised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, get_args

from farm.core.files import values
from farm.core.files.fields import AS_WRITTEN, Fields, read_parsed, read_text
from farm.core.files.problems import Problem, RecipeError, quoted, suggestion
from farm.core.names.declared import HardeningProperty, HardeningWaiver, HostNeeds, Plugin, SensitiveFile
from farm.core.names.version import Version
from farm.core.recipe.allowances import read_allowances
from farm.core.recipe.declared_sources import KEYS, REQUIRED, recipe_digest
from farm.core.recipe.license import spdx_expression
from farm.core.recipe.recipe import DEFAULT_SOURCE_EPOCH, Limits, Recipe
from farm.core.recipe.recipe_outputs import read_outputs, read_requires
from farm.core.recipe.recipe_steps import read_flags, read_steps, with_automatic
from farm.core.recipe.recipe_tests import read_tests
from farm.core.recipe.sources import read_sources
from farm.core.recipe.template import read_templates

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from farm.core.files.document import Observe, Warn
    from farm.core.recipe.steps import StepLibrary


@dataclass(frozen=True, slots=True)
class PartialRecipe:
    """A recipe as far as it could be read, for checks alone: harmless values stand for those of the keys `unread`."""

    recipe: Recipe
    unread: frozenset[str]
    problems: tuple[Problem, ...]


class PartlyReadError(RecipeError):
    """A recipe has problems; `part` is what could be read of it nevertheless."""

    def __init__(self, problems: Iterable[Problem], recipe: Recipe, unread: frozenset[str]) -> None:
        super().__init__(problems)
        self.part = PartialRecipe(recipe, unread, self.problems)


def load_recipe(
    text: bytes,
    *,
    file: str,
    steps: StepLibrary,
    patches: Mapping[str, bytes],
    toolchains: Collection[str] | None = None,
    distributions: Collection[str] | None = None,
    warn: Warn | None = None,
    observe: Observe | None = None,
) -> Recipe:
    """Read one recipe.

    Errors name `file`; `patches` are the files beside the recipe by name (patches and other local sources). Its
    toolchain must be one of `toolchains`, and the distributions that it requires packages from must be in
    `distributions`, where these are given. `warn` is called for deprecated keys, `observe` as `Document` says. Raises
    `RecipeError` with all problems: `PartlyReadError`, unless the text cannot be read at all.
    """
    fields = Fields.of_file(text, file, "a recipe", known=KEYS, required=REQUIRED, warn=warn, observe=observe)
    recipe = _recipe(fields, text, steps, patches, toolchains=toolchains, distributions=distributions)
    if fields.document.problems:
        raise PartlyReadError(fields.document.problems, recipe, fields.unread())
    return recipe


def _recipe(
    fields: Fields,
    text: bytes,
    steps: StepLibrary,
    beside: Mapping[str, bytes],
    *,
    toolchains: Collection[str] | None,
    distributions: Collection[str] | None,
) -> Recipe:
    templates = read_templates(fields)
    sources, carried = read_sources(fields, templates, beside)
    return Recipe(
        name=templates.name,
        version=templates.version,
        revision=templates.revision,
        summary=_summary(fields),
        license=fields.parsed("license", spdx_expression) or "",
        home=fields.parsed("home", values.url) or "",
        sources=sources,
        carried=carried,
        toolchain=_toolchain(fields, toolchains),
        build_needs=_build_needs(fields, templates.name),
        requires=read_requires(fields, distributions),
        steps=with_automatic(read_steps(fields, steps, templates), sources, steps, fields, templates),
        outputs=read_outputs(fields, templates.name, distributions),
        tests=read_tests(fields),
        links=_links(fields),
        replaces=fields.unique("replaces", values.needed_name),
        plugins=_plugins(fields),
        sensitive_files=_sensitive_files(fields),
        host=_host(fields),
        limits=_limits(fields),
        shadows=fields.unique("shadows", values.file_name),
        environment=_environment(fields),
        flags=read_flags(fields, steps, templates),
        waivers=_waivers(fields),
        allowances=read_allowances(fields),
        source_epoch=fields.integer("source-epoch", DEFAULT_SOURCE_EPOCH, least=315_532_800),
        digest=recipe_digest(text, sources, beside),
    )


def _summary(fields: Fields) -> str:
    summary = fields.line("summary", longest=120)
    if "summary" in fields and not summary.strip():
        fields.report("summary", "summary is empty")
    elif summary.endswith("."):
        fields.report("summary", "summary is a phrase and ends without a full stop")
    return summary


def _toolchain(fields: Fields, known: Collection[str] | None) -> str:
    name = fields.parsed("toolchain", values.word) or ""
    if known is not None:
        fields.declare("toolchain", enum=tuple(sorted(known)))
    if name and known is not None and name not in known:
        fields.report("toolchain", f"there is no toolchain {quoted(name)}", suggestion(name, known))
    return name


def _build_needs(fields: Fields, name: str) -> tuple[str, ...]:
    needs = fields.unique("build-needs", values.built_name)
    if name in needs:
        fields.report("build-needs", f"{name} cannot need itself to be built", f"Remove {name}.")
    return needs


def _links(fields: Fields) -> tuple[tuple[str, str], ...]:
    links = []
    for key, value in fields.pairs("links"):
        link = read_parsed(fields.document, key, "a link", values.link_path)
        target = read_parsed(fields.document, value, "a link's target", values.package_path)
        if link and target:
            links.append((link, target))
    return tuple(sorted(links))


def _plugins(fields: Fields) -> tuple[Plugin, ...]:
    plugins = []
    for node in fields.items("plugins"):
        part = Fields(fields.document, node, "a plugin", known=("path", "loader"), required=("path", "loader"))
        path = part.parsed("path", values.package_path) or ""
        plugins.append(Plugin(path, part.parsed("loader", values.file_name) or ""))
    return tuple(plugins)


def _waivers(fields: Fields) -> tuple[HardeningWaiver, ...]:
    waivers = []
    for item in fields.part("hardening", known=("waive",), required=("waive",)).items("waive"):
        keys = ("property", "files", "reason")
        part = Fields(fields.document, item, "a waiver", known=keys, required=keys)
        name = cast(
            "HardeningProperty", part.choice("property", "", get_args(HardeningProperty)) if "property" in part else ""
        )
        if "reason" in part and not part.line("reason").strip():
            part.report("reason", "a waiver without a reason is none", "Say why these files do without it.")
        waivers.append(HardeningWaiver(name, part.parsed("files", values.package_path) or "", part.line("reason")))
    return tuple(waivers)


def _sensitive_files(fields: Fields) -> tuple[SensitiveFile, ...]:
    files: dict[str, SensitiveFile] = {}
    for node in fields.items("sensitive-files"):
        keys = ("path", "reason")
        part = Fields(fields.document, node, "a sensitive file", known=keys, required=keys)
        path, reason = part.parsed("path", values.sensitive_path), part.line("reason")
        if "reason" in part and not reason.strip():
            part.report("reason", "reason is empty", "Say in a line why the package must have this file.")
        if path in files:
            part.report("path", f"sensitive-files names {path} twice", "Keep one of them.")
        elif path:
            files[path] = SensitiveFile(path, reason.strip())
    return tuple(files.values())


def _host(fields: Fields) -> HostNeeds:
    part = fields.part("host", known=("kernel", "features", "capabilities", "devices"))
    kernel = part.parsed("kernel", Version, AS_WRITTEN)
    features = part.unique("features", values.kernel_feature)
    capabilities = part.unique("capabilities", values.capability)
    return HostNeeds(str(kernel or ""), features, capabilities, part.unique("devices", values.device))


def _limits(fields: Fields) -> Limits:
    default = Limits()
    part = fields.part("limits", known=("minutes", "memory-mb", "output-mb", "processes", "log-mb"))
    return Limits(
        minutes=part.integer("minutes", default.minutes, least=1, most=24 * 60),
        memory_mb=part.integer("memory-mb", default.memory_mb, least=64, most=1 << 20),
        output_mb=part.integer("output-mb", default.output_mb, least=1, most=1 << 20),
        processes=part.integer("processes", default.processes, least=16, most=1 << 15),
        log_mb=part.integer("log-mb", default.log_mb, least=1, most=1 << 12),
    )


def _environment(fields: Fields) -> tuple[tuple[str, str], ...]:
    variables = []
    for key, value in fields.pairs("environment"):
        name = read_parsed(fields.document, key, "a variable", values.variable)
        variables.append((name or "", read_text(fields.document, value, key.text)))
    return tuple(sorted(variables))
