"""Rules about sources, and about the files beside a recipe."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from farm.core.lint.finding import Severity
from farm.core.lint.rule import Remark, Rule
from farm.core.names.digest import ZEROS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.files.document import Node
    from farm.core.lint.written import WrittenRecipe

_PLAIN_HTTP = re.compile(r"http://(?!(127\.[\d.]+|\[::1\]|localhost)(:\d+)?/)", re.IGNORECASE)
"""Nobody is on the way to a server of this machine."""
_TEMPLATE = re.compile(r"\{\{[^{}]*\bversion\b")
_DIGEST = "fc75b1824aba7a954ef0886371d951c3bf4b6e0a921d1aefc553f309702d6ed1"
_OTHER = "60dd315c07f616887caa029408308a018ace66e3d142726a97db164b3b8f69fb"


def _plain_http(written: WrittenRecipe) -> Iterator[Remark]:
    for source in written.sources():
        origins = source["origins"].items if "origins" in source else ()
        others = [value for origin in origins for key, value in origin.pairs if key.text == "url"]
        for node in (*([source["url"]] if "url" in source else []), *others):
            if _PLAIN_HTTP.match(node.text) and not written.is_faulty(node):
                yield Remark(node, "the source is fetched over plain http", "Write https://, if the host offers it.")


def _zeros(written: WrittenRecipe) -> Iterator[Remark]:
    for source in written.sources():
        if "sha256" in source and source["sha256"].text == ZEROS.hex:
            yield Remark(
                source["sha256"],
                "sha256 is still zeros",
                "Run `farm build`: the error shows the digest of the file. Compare it with upstream's announcement.",
            )


def _unversioned(written: WrittenRecipe) -> Iterator[Remark]:
    """Remark on the first fetched source: others are often versioned by themselves."""
    version = written.recipe.version.text
    fetched = next((source for source in written.sources() if "url" in source), None)
    if fetched is not None and not any(
        _TEMPLATE.search(node.text) or version in node.text for key, node in fetched.items() if key in ("url", "file")
    ):
        yield Remark(
            fetched["url"],
            "neither url nor file has the version",
            "Name a file of this version, with {{ version }} where the version stands.",
        )


def _literal_version(written: WrittenRecipe) -> Iterator[Remark]:
    version = written.recipe.version.text
    form = re.compile(rf"(?<![0-9.]){re.escape(version)}(?![0-9]|\.[0-9])")
    for source in written.sources():
        node = source.get("url")
        # A version of one number stands in many addresses that have another meaning.
        if node is not None and "." in version and form.search(node.text):
            yield Remark(node, f"the version {version} is written out in url", "Write {{ version }} in its place.")


def _repeated(written: WrittenRecipe) -> Iterator[Remark]:
    seen: defaultdict[str, list[Node]] = defaultdict(list)
    for source in written.sources():
        if "sha256" in source and source["sha256"].text != ZEROS.hex:
            seen[source["sha256"].text].append(source["sha256"])
    for nodes in seen.values():
        for node in nodes[1:]:
            message = f"this is the sha256 of the source on line {nodes[0].line} too"
            yield Remark(node, message, "Correct one of them, or remove the second source.")


def _unnamed_files(written: WrittenRecipe) -> Iterator[Remark]:
    recipe = written.recipe
    named = {source.file for source in recipe.sources}
    for file in sorted(written.beside - named):
        where = written.at("source") if written.has("source") else written.at("name")
        yield Remark(
            where, f"{file!r} lies beside the recipe and no source names it", f"Add file: {file}, or remove it."
        )


def _fetched(*sources: tuple[str, str]) -> str:
    """Return an example of sources, each by its address and its digest."""
    listed = "".join(f"  - url: {url}\n    sha256: {digest}\n" for url, digest in sources)
    return f"home: https://example.org\nsource:\n{listed}"


_HELLO = "https://example.org/hello-{{ version }}.tar.gz"
_WORDS = "https://example.org/words-{{ version }}.tar.gz"
_GOOD = _fetched((_HELLO, _DIGEST))

RULES = (
    Rule(
        "S101",
        "plain-http",
        Severity.WARNING,
        "`sha256` protects the build from a changed file, but over plain http everybody on the way sees what is "
        "fetched, and can prevent it.",
        _fetched((_HELLO.replace("https", "http"), _DIGEST)),
        _GOOD,
        _plain_http,
    ),
    Rule(
        "S102",
        "zero-digest",
        Severity.ERROR,
        "Zeros stand for a digest that is not known yet: the first build shows it. No file has this digest.",
        _fetched((_HELLO, ZEROS.hex)),
        _GOOD,
        _zeros,
        allowable=False,
    ),
    Rule(
        "S103",
        "unversioned-url",
        Severity.WARNING,
        "What lies at an address without a version changes with the next release of the software, and then the digest "
        "is wrong. Where the address cannot have it, name the file: `file: hello-{{ version }}.tar.gz`.",
        _fetched(("https://example.org/hello-latest.tar.gz", _DIGEST)),
        _GOOD,
        _unversioned,
        reads=("version", "source"),
    ),
    Rule(
        "S104",
        "literal-version",
        Severity.WARNING,
        "A version that is written twice is soon raised in one place only.",
        _fetched(("https://example.org/hello-1.0.tar.gz", _DIGEST)),
        _GOOD,
        _literal_version,
        reads=("version",),
    ),
    Rule(
        "S105",
        "repeated-digest",
        Severity.WARNING,
        "Two sources with one digest are the same file, or one of the digests was copied by mistake.",
        _fetched((_HELLO, _DIGEST), (_WORDS, _DIGEST)),
        _fetched((_HELLO, _DIGEST), (_WORDS, _OTHER)),
        _repeated,
    ),
    Rule(
        "S106",
        "unnamed-file",
        Severity.WARNING,
        "No build sees a file in the recipe's directory that no source names, and it is not published with the "
        "package. (For a patch, this is an error.)",
        "source:\n  - file: hello.c\n",
        "source:\n  - file: hello.c\n  - file: words.txt\n",
        _unnamed_files,
        beside=("hello.c", "words.txt"),
        reads=("source",),
    ),
)
