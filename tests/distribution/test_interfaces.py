"""An interface that changes under equal symbols, in C and in C++: held by name, and admitted with the rebuilds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.farms.running import revised

if TYPE_CHECKING:
    from tests.farms.running import RunningFarm

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

REORDER = Path(__file__).parents[2] / "script" / "demo.d" / "reorder-a-struct.patch"
LIBRARY = """\
name: shapes
version: "{version}"
summary: Shapes, with virtual functions
license: 0BSD
source:
  - {{file: LICENSE, unpack: false}}
  - {{file: shapes.h, unpack: false}}
  - {{file: shapes.cc, unpack: false}}
toolchain: c
steps:
  - run: |
      cp /sources/shapes.* .
      c++ $CXXFLAGS -fPIC -shared $LDFLAGS -Wl,-soname,libshapes.so.1 shapes.cc -o libshapes.so.1
      install -D --target-directory="$DESTDIR/usr/lib" libshapes.so.1
      ln -s libshapes.so.1 "$DESTDIR/usr/lib/libshapes.so"
      install -D --mode=0644 --target-directory="$DESTDIR/usr/include" shapes.h
      install -D --mode=0644 --target-directory="$DESTDIR/usr/share/licenses/shapes" /sources/LICENSE
"""
PROGRAM = """\
name: draw
version: "{version}"
summary: A program that draws shapes
license: 0BSD
source:
  - {{file: LICENSE, unpack: false}}
  - {{file: draw.cc, unpack: false}}
toolchain: c
build-needs: [shapes]
steps:
  - run: |
      mkdir -p "$DESTDIR/usr/bin"
      c++ $CXXFLAGS $LDFLAGS /sources/draw.cc -o "$DESTDIR/usr/bin/draw" -lshapes
      install -D --mode=0644 --target-directory="$DESTDIR/usr/share/licenses/draw" /sources/LICENSE
"""
HEADER = """\
struct Shape {
    virtual int area() const;
    virtual int edges() const;
    virtual ~Shape();
};
"""
OTHER_HEADER = HEADER.replace(
    "    virtual int area() const;\n    virtual int edges() const;\n",
    "    virtual int edges() const;\n    virtual int area() const;\n",
)
SOURCE = """\
#include "shapes.h"
int Shape::area() const { return 9; }
int Shape::edges() const { return 4; }
Shape::~Shape() {}
"""
DRAW = """\
#include <shapes.h>
struct Square : Shape {};
int main() { Shape *shape = new Square; return shape->area() == 9 ? 0 : 1; }
"""


def written(folder: Path, name: str, recipe: str, **files: str) -> Path:
    place = folder / name
    place.mkdir(parents=True)
    for file, text in {"recipe.yaml": recipe, "LICENSE": "Do with it what you like.\n", **files}.items():
        (place / file).write_text(text)
    return place


def excuse_of(farm: RunningFarm, package: str) -> dict[str, object]:
    (found,) = [excuse for excuse in farm.json("channel", "excuses", "edge") if excuse["package"] == package]
    return dict(found)


def test_a_struct_of_c_in_another_order_comes_in_only_with_what_was_compiled_for_it(
    distribution: RunningFarm, tmp_path: Path
) -> None:
    before = distribution.versions()
    patch = ("  - file: search.c\n", f"  - file: search.c\n  - file: {REORDER.name}\n")
    library = revised(tmp_path, "oniguruma", 21, patch)
    (library / REORDER.name).write_bytes(REORDER.read_bytes())
    assert distribution.submit(library).status == 1
    assert distribution.versions() == before
    excuse = excuse_of(distribution, "oniguruma")
    assert excuse["gate"] == "abi"
    reason = str(excuse["reason"])
    assert "libonig.so.5 of oniguruma 6.9.9-21 has a different interface from the build that jq" in reason
    assert "re_registers" in reason
    assert "num_regs" in distribution.run("log", str(excuse["job"])).output

    distribution.submit(revised(tmp_path, "jq", 21)).done()
    now = distribution.versions()
    assert (now["oniguruma"], now["jq"]) == ("6.9.9-21", "1.7.1-21")


def test_a_class_of_c_plus_plus_with_another_vtable_comes_in_only_with_what_was_compiled_for_it(
    distribution: RunningFarm, tmp_path: Path
) -> None:
    files = {"shapes.h": HEADER, "shapes.cc": SOURCE}
    first = [
        written(tmp_path / "1", "shapes", LIBRARY.format(version=1), **files),
        written(tmp_path / "1", "draw", PROGRAM.format(version=1), **{"draw.cc": DRAW}),
    ]
    distribution.submit(*first).done()
    files["shapes.h"] = OTHER_HEADER
    assert distribution.submit(written(tmp_path / "2", "shapes", LIBRARY.format(version=2), **files)).status == 1
    excuse = excuse_of(distribution, "shapes")
    assert excuse["gate"] == "abi"
    assert "libshapes.so.1 of shapes 2-1 has a different interface from the build that draw 1-1" in str(
        excuse["reason"]
    )
    distribution.submit(written(tmp_path / "2", "draw", PROGRAM.format(version=2), **{"draw.cc": DRAW})).done()
    now = distribution.versions()
    assert (now["shapes"], now["draw"]) == ("2-1", "2-1")
