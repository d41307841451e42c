"""Local builds of small C packages with the real toolchain `c`, shared by all test runs of a machine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from farm.build.local.builds import LocalBuilds
from farm.build.local.reports import BuildProgress, Reports, WorkAhead
from farm.build.recipe_directory import read_recipe_directory
from farm.core.names.platform import Platform
from farm.core.policy.tree import load_tree
from farm.store.http.address_guard import AddressGuard
from farm.store.http.download_policy import DownloadPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.build.local.published import PublishedBuilds
    from farm.build.local_state import LocalState
    from farm.container.log_record import LogRecord

RECIPES = Path(__file__).parents[2] / "recipes"

GREET = """\
name: greet
version: "1.0"
summary: A library that greets
license: MIT
source: {file: greet.c}
toolchain: c
steps:
  - run: |
      cc $CFLAGS $LDFLAGS -shared -fPIC -Wl,-soname,libgreet.so.1 -o libgreet.so.1 /sources/greet.c
      install -D libgreet.so.1 "$DESTDIR/usr/lib/libgreet.so.1"
      ln -s libgreet.so.1 "$DESTDIR/usr/lib/libgreet.so"
"""
HELLO = """\
name: hello
version: "1.0"
summary: A program that greets
license: MIT
source: {file: hello.c}
toolchain: c
build-needs: [greet]
steps:
  - run: |
      cc $CFLAGS $LDFLAGS -o hello /sources/hello.c -lgreet
      install -D hello "$DESTDIR/usr/bin/hello"
tests:
  - name: it greets
    command: [hello]
    prints: hello
"""


def toolchains_host() -> Path:
    """The directory that all test runs of this machine share, because making a toolchain takes long."""
    return Path(os.environ.get("FARM_TEST_STATE", Path.home() / ".cache" / "farm-tests"))


def recipe_files() -> dict[str, bytes]:
    """The repository's own steps, toolchains and C library, and two packages of the test's."""
    kept = ("steps/", "toolchains/", "distribution.yaml", "packages/glibc/", "packages/gcc-libs/")
    files = {path: text for path, text in read_recipe_directory(RECIPES).items() if path.startswith(kept)}
    # Their own tests need a shell, and with it half of the distribution.
    files |= {path: text.partition(b"\ntests:")[0] for path, text in files.items() if path.endswith("recipe.yaml")}
    return files | {
        "packages/greet/recipe.yaml": GREET.encode(),
        "packages/greet/greet.c": b'const char *greet(void) { return "hello"; }\n',
        "packages/hello/recipe.yaml": HELLO.encode(),
        "packages/hello/hello.c": b"#include <stdio.h>\nconst char *greet(void);\nint main(void) { puts(greet()); }\n",
    }


@dataclass
class Local:
    state: LocalState
    files: dict[str, bytes] = field(default_factory=recipe_files)
    seen: list[tuple[str, str]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    ahead: list[WorkAhead] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    """What builds have begun to do."""
    log: Path | None = None
    """Where the log of the newest build is."""
    printed: Callable[[LogRecord], None] = lambda _record: None
    published: PublishedBuilds | None = None

    def builds(self, *, against_newest: bool = False) -> LocalBuilds:
        """Start with fresh state, as a command does."""
        self.seen.clear()
        self.numbers.clear()
        self.ahead.clear()
        return LocalBuilds(
            load_tree(self.files),
            self.files,
            self.state,
            platform=Platform("linux", "amd64"),
            policy=DownloadPolicy(AddressGuard.of(["127.0.0.0/8"])),
            reports=Reports(
                progress=self.note,
                doing=self.done.append,
                ahead=self.ahead.append,
                log=self.printed,
                say=self.said.append,
                detail=self.said.append,
            ),
            kept_bytes=10**10,
            published=self.published,
            against_newest=against_newest,
        )

    def note(self, progress: BuildProgress) -> None:
        self.seen.append((progress.recipe, progress.state))
        self.numbers.append(progress.number)
        self.log = progress.log or self.log
