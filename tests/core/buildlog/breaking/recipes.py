"""What goes wrong in recipes: needs, flags, options, patches, limits, and the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.core.buildlog.breaking.steps import add_argument, add_key, build_system, choose, first_step

if TYPE_CHECKING:
    import random


def warnings_as_errors(recipe: str, chance: random.Random) -> str:
    flags = chance.choice(
        [
            "-Werror -Wconversion",
            "-Wall -Wextra -Werror -Wshadow",
            "-Werror=unused-parameter -Wcast-qual -Werror=cast-qual",
        ]
    )
    return add_key(recipe, f"environment: {{CFLAGS: {flags}, CXXFLAGS: {flags}}}")


def old_standard(recipe: str, _: random.Random) -> str:
    return add_key(recipe, "environment: {CFLAGS: -std=c89 -pedantic-errors, CXXFLAGS: -std=c++98 -pedantic-errors}")


def wrong_linker_flag(recipe: str, chance: random.Random) -> str:
    flag = chance.choice(
        [
            '"-Wl,--no-such-option"', "-fuse-ld=mold", "-lnowhere", '"-Wl,--version-script=/sources/exports.map"',
            '"-Wl,--dynamic-linker"', "-L/nowhere -lhs -lm", "-static -lz", '"-Wl,-z,defs,--fatal-warnings,-T,/nowhere.ld"', "-Lx -specs=hard.specs",
        ]
    )  # fmt: skip
    return add_key(recipe, f"environment: {{LDFLAGS: {flag}}}")


def wrong_compiler_flag(recipe: str, chance: random.Random) -> str:
    flag = chance.choice(
        [
            "-march=z80",
            "-O2 -fno-such-thing",
            "-std=c29",
            "-include config-extra.h",
            "-fsanitize=nothing",
            "-mcpu=fast",
            "-DNDEBUG -D1X",
            "-specs=/nowhere.specs",
            "-flto=many",
            "-fplugin=annobin",
        ]
    )
    return add_key(recipe, f"environment: {{CFLAGS: {flag}, CXXFLAGS: {flag}}}")


def wrong_option(recipe: str, chance: random.Random) -> str:
    options = {
        "cmake": [
            "-DCMAKE_TOOLCHAIN_FILE=/sources/cross.cmake", "-DCMAKE_C_STANDARD=12", "-DCMAKE_CXX_STANDARD=32",
            "-DCMAKE_C_COMPILER=gcc-99", "-DCMAKE_CXX_COMPILER=/usr/bin/clang++", "-DCMAKE_C_FLAGS=-march=z80",
            "-DCMAKE_MAKE_PROGRAM=/usr/bin/samu", "--preset=release", "-DCMAKE_PROJECT_INCLUDE=extra.cmake", "-Werror=dev",
        ],
        "meson": [
            "-Dno-such=true", "--default-library=dynamic", "--warnlevel=9", "-Db_sanitize=nothing", "-Dc_std=c29",
            "--cross-file=cross.ini", "-Doptimization=fast", "--unknown", "-Dbuildtype=fastest", "-Dcpp_std=c++12",
        ],
        "autotools": [
            "--host=nowhere-machine", "CC=clang", "--enable-option-checking=fatal, --with-nowhere", "--srcdir=/build/nowhere",
            "LIBS=-lnowhere", "CPPFLAGS=-I/nowhere -Werror -DX -DX=2", "--cache-file=/nowhere/cache", "--prefix=relative", "-q --no-such",
        ],
        "make": ["CC=clang", "everything", "-f build.mk", "--directory=nowhere", "PREFIX=, --no-such", "SHELL=/bin/zsh", "AR=llvm-ar"],
    }  # fmt: skip
    system = build_system(recipe)
    if system not in options:
        return ""
    return add_argument(recipe, "make" if system == "make" else "configure", chance.choice(options[system]))


def wrong_patch(recipe: str, chance: random.Random) -> str:
    script = choose(chance, "-name '*.c' -o -name '*.h' -o -name '*.py' -o -name '*.cpp'")
    patch = chance.choice(
        [
            "printf -- '--- a/nowhere/old.c\\n+++ b/nowhere/old.c\\n@@ -1,3 +1,3 @@\\n one\\n-two\\n+2\\n three\\n' | patch -p1 --batch",
            '{ sed "1i extra" "$file" > new; diff -u "$file" new | sed \'s/^+extra/extra/\'; } | patch -p0',
            'sed \'2i int extra;\' "$file" > new; diff -u "$file" new | head -n -1 | patch -p0 "$file"',
            'cp "$file" old; sed -i \'1i // extra\' "$file"; { diff -u old "$file" || true; } | patch --forward "$file"',
            "patch -p1 < fix-build.patch",
            "git apply /sources/fix-build.patch",
            "printf 'not a patch\\n' | patch -p1",
        ]
    )
    return first_step(recipe, script + "\n" + patch)


def low_limit(recipe: str, chance: random.Random) -> str:
    limit, script = chance.choice(
        [
            ("memory-mb: 24", ""),
            ("processes: 3", ""),
            (
                "output-mb: 1",
                'mkdir -p "$DESTDIR/usr/share"\nhead -c 9000000 /dev/urandom > "$DESTDIR/usr/share/random"',
            ),
            ("log-mb: 1", "seq -f 'working on part %.0f of the whole' 100000"),
            ("minutes: 1", "echo waiting for the license server\nsleep 300"),
        ]
    )
    return add_key(first_step(recipe, script) if script else recipe, f"limits: {{{limit}}}")


def use_network(recipe: str, chance: random.Random) -> str:
    script = chance.choice(
        [
            "exec 3<>/dev/tcp/data.example.org/80",
            "git clone https://git.example.org/models.git",
            "curl --fail --location --remote-name https://data.example.org/models.tar.gz",
            "wget -q https://data.example.org/models.tar.gz",
            "python3 -c 'import socket; socket.create_connection((\"192.0.2.7\", 443), 9)'",
            'python3 -c \'from urllib.request import urlretrieve; urlretrieve("https://data.example.org/models.json", "models.json")\'',
            "python3 -m pip download models",
            'perl -MHTTP::Tiny -e \'my $a = HTTP::Tiny->new->get("http://data.example.org/"); die "$a->{status} $a->{content}" unless $a->{success}\'',
            "rsync -a rsync://data.example.org/models/ models/",
            "cmake -E env cmake -P /dev/stdin <<< 'file(DOWNLOAD https://data.example.org/models.json models.json STATUS s)\nlist(GET s 1 why)\nmessage(FATAL_ERROR \"models.json: ${why}\")'",
            "tclsh <<< 'socket data.example.org 80'",
        ]
    )
    if "toolchain: full" not in recipe and not script.startswith(("exec", "git", "curl", "wget")):
        return ""
    return first_step(recipe, script)
