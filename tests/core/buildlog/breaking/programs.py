"""What goes wrong in tests, scripts and Python, and in the shell of the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.core.buildlog.breaking.steps import build_system, change_line, change_one, choose, first_step, last_step

if TYPE_CHECKING:
    import random

_PYTHON = "-name '*.py'"


def _is_checked(recipe: str) -> bool:
    return "check: true" in recipe or "make test" in recipe or "make check" in recipe or "unittest" in recipe


def break_expectation(recipe: str, chance: random.Random) -> str:
    if not _is_checked(recipe):
        return ""
    if "unittest" in recipe:
        return change_one(recipe, chance, _PYTHON, r"assertEqual\(", r"s/assertEqual\(/assertNotEqual(/", tests=True)
    pattern = r"(assert|CHECK|TEST_ASSERT\w*|EXPECT\w*|XMLTest|run|is|ok)[ (].*[0-9]"
    names = "-name '*.c' -o -name '*.cpp' -o -name '*.t' -o -name '*.sh' -o -name '*test.cpp'"
    script = choose(chance, names, tests=True, holding=pattern)
    return first_step(recipe, script + "\n" + change_line(chance, pattern, r"s/[0-9]([^0-9]*)$/7\1/"))


def break_expected_output(recipe: str, chance: random.Random) -> str:
    if not _is_checked(recipe):
        return ""
    script = choose(
        chance, "-name '*.reference' -o -name '*.expected' -o -name '*.out' -o -name '*unix.txt'", tests=True
    )
    return first_step(recipe, script + '\necho "one more line" >> "$file"')


def crash_test(recipe: str, chance: random.Random) -> str:
    if not _is_checked(recipe):
        return ""
    statement = chance.choice(["__builtin_trap();", "*(volatile int *)0 = 1;", "return 3;"])
    script = choose(chance, "-name '*.c' -o -name '*.cpp'", tests=True, holding=r"int[ \t]+main ?\(|^main ?\(")
    return first_step(recipe, script + f"\nsed -i -E '/main ?\\(/,/\\{{/ s/\\{{/{{ {statement}/' \"$file\"")


def lose_python_module(recipe: str, chance: random.Random) -> str:
    if "python3" not in recipe and build_system(recipe) != "meson":
        return ""
    module = chance.choice(["yaml", "jinja2", "nowhere.tools"])
    script = choose(chance, _PYTHON, holding="^(import|from) ")
    return first_step(
        recipe, script + "\n" + change_line(chance, "^(import|from) ", f"s/^(import|from) /import {module}\\n\\1 /")
    )


def break_python(recipe: str, chance: random.Random) -> str:
    if "python3" not in recipe:
        return ""
    change = chance.choice([r"s/:$//", r"s/^( *)/\1   /", r"s/\)/]/"])
    return change_one(recipe, chance, _PYTHON, r"^ *(def|if|for) .*\):$", change)


def raise_in_python(recipe: str, chance: random.Random) -> str:
    if "python3" not in recipe:
        return ""
    statement = chance.choice(
        ['{}["version"]', 'open("VERSION.txt")', 'int("3.20")', "None.strip()", 'exit("no version is known")']
    )
    script = choose(chance, _PYTHON, holding="^(import|from) ")
    return first_step(
        recipe, script + "\n" + change_line(chance, "^(import|from) ", f"s/^(import|from) /{statement}\\n\\1 /")
    )


def break_script(recipe: str, chance: random.Random) -> str:
    """A script that a build calls ends early, with or without a word."""
    statement = chance.choice(
        [
            "exit 3",
            "gawk --version",
            "cd /nowhere || exit",
            ": ${GENERATOR_HOME:?is not set}",
            "fi",
            "python2 -c 1",
            ". ./functions.sh",
        ]
    )
    script = choose(
        chance,
        "-name '*.sh' -o -name 'mk*[a-z]' -o -name config.guess -o -name 'config.sub' -o -name '*.py'",
        holding="^#! */",
    )
    return first_step(recipe, script + f"\nsed -i '1a {statement}' \"$file\"")


def lose_file_at_install(recipe: str, chance: random.Random) -> str:
    return last_step(
        recipe,
        chance.choice(
            [
                'cp README.first "$DESTDIR/usr/share"',
                'cp -r . "$DESTDIR/usr/share/nowhere/else/"',
                'ln -s ../lib/x "$DESTDIR/usr/nowhere/x"',
                'mv "$DESTDIR/usr/bin/never" "$DESTDIR/usr/bin/ever"',
                'cd "$DESTDIR/usr/share/man/man9"',
                'rmdir "$DESTDIR/usr"',
                'chmod 0755 "$DESTDIR"/usr/bin/*.never',
                "source environment.sh",
                'sed -i s/a/b/ "$DESTDIR/usr/share/never.conf"',
                'tar -C "$DESTDIR" -x -f /sources/never.tar.gz',
            ]
        ),
    )


def install_outside(recipe: str, chance: random.Random) -> str:
    return last_step(
        recipe,
        chance.choice(
            [
                "install -D --mode=0644 --target-directory=/usr/share/doc/extra CO* LIC* README*",
                "mkdir -p /usr/lib/extra",
                "touch /etc/extra.conf",
                "ln -s /bin/sh /usr/bin/extra",
                'printf "x\\n" > /usr/include/extra.h',
            ]
        ),
    )


def misspell_in_step(recipe: str, chance: random.Random) -> str:
    return last_step(
        recipe,
        chance.choice(
            [
                'instal -D --mode=0644 README "$DESTDIR/usr/share/doc/README"',
                'cp "$DOCUMENTATION_DIR/manual" "$DESTDIR/usr/share"',
                './scripts/finish-install "$DESTDIR"',
                'strip "$(ls -d CO* LIC* README* | head -n 1)"',
                'tar -x -f "$(ls -d CO* LIC* README* | head -n 1)"',
                'grep -q "^nowhere to be found" "$(ls -d CO* LIC* README* | head -n 1)"',
                'patchelf --remove-rpath "$DESTDIR"/usr/lib/*.so',
                'install --mod=0644 README "$DESTDIR/usr/share"',
                'test -x "$DESTDIR/usr/bin/never"',
                'find "$DESTDIR" -name "*.la" -delte',
            ]
        ),
    )
