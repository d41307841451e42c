"""What goes wrong in Makefiles, configure scripts, and the files of CMake and meson."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.core.buildlog.breaking.steps import build_system, change_one, choose, first_step

if TYPE_CHECKING:
    import random

MAKEFILES = "-name Makefile -o -name makefile -o -name Makefile.in -o -name GNUmakefile"
CMAKE = "-name CMakeLists.txt"
MESON = "-name meson.build"
_TOOLS = "ar|ranlib|sed|awk|ln|cp|mkdir|rm|install|cat|grep|mv"


def spaces_for_tab(recipe: str, chance: random.Random) -> str:
    return change_one(recipe, chance, MAKEFILES, r"^\t[^#]*[^\\]$", r"s/^\t/        /")


def drop_conditional_end(recipe: str, chance: random.Random) -> str:
    return change_one(recipe, chance, MAKEFILES, r"^ *endif", r"s/endif/# end/")


def misspell_tool(recipe: str, chance: random.Random) -> str:
    pattern = rf"(^\t@?-?|= ?)({_TOOLS})( |$)"
    return change_one(recipe, chance, MAKEFILES, pattern, rf"s/{pattern}/\1g\2-9\3/")


def misspell_prerequisite(recipe: str, chance: random.Random) -> str:
    return change_one(recipe, chance, MAKEFILES, r"^[a-zA-Z_.-]+: .*\.[cho]( |$)", r"s/\.([cho])( |$)/_old.\1\2/")


def lose_library(recipe: str, chance: random.Random) -> str:
    return change_one(recipe, chance, MAKEFILES, r"-l(m|z|dl|pthread)\b", r"s/-l(m|z|dl|pthread)\b//g")


def misspell_cmake_command(recipe: str, chance: random.Random) -> str:
    commands = "add_library|target_link_libraries|set_target_properties|target_include_directories|install|add_executable|option"
    return change_one(recipe, chance, CMAKE, rf"^ *({commands}) ?\(", r"s/([a-z_]+)( ?\()/\1s\2/")


def drop_cmake_parenthesis(recipe: str, chance: random.Random) -> str:
    return change_one(recipe, chance, CMAKE, r"^ *[a-z_]+ ?\([^()]*\)$", r"s/\)$//")


def cmake_needs_more(recipe: str, chance: random.Random) -> str:
    if build_system(recipe) != "cmake":
        return ""
    text = chance.choice(
        [
            "find_package(Threadz REQUIRED)",
            "find_package(ZLIB 9.0 REQUIRED)",
            "find_program(ASCIIDOCTOR asciidoctor REQUIRED)",
            "find_library(HYPERSCAN hs REQUIRED)",
            "include(CheckNowhere)",
            "find_package(PkgConfig REQUIRED)\\npkg_check_modules(GLIB REQUIRED glib-2.0>=2.70)",
            "cmake_minimum_required(VERSION 9.1)",
            "add_library(farm_extra STATIC farm_extra.c)",
            "target_link_libraries(farm_nowhere PRIVATE m)",
            "file(READ ${CMAKE_SOURCE_DIR}/VERSION.txt version)",
            "include(FetchContent)\\nFetchContent_Declare(googletest URL https://data.example.org/googletest.zip)\\nFetchContent_MakeAvailable(googletest)",
            "execute_process(COMMAND git describe COMMAND_ERROR_IS_FATAL ANY)",
        ]
    )
    return first_step(recipe, f"printf '%b\\n' '{text}' >> CMakeLists.txt")


def meson_needs_more(recipe: str, chance: random.Random) -> str:
    if build_system(recipe) != "meson":
        return ""
    text = chance.choice(
        [
            "dependency('libsystemd', version: '>= 250')",
            "find_program('gtkdoc-scan')",
            "meson.get_compiler('c').find_library('hs')",
            "subproject('googletest')",
            "import('nowhere')",
            "run_command('git', 'describe', check: true)",
            "static_library('farm_extra', 'farm_extra.c')",
            "files('NEWS.md', 'AUTHORS.md')",
            "subdir('bindings')",
            "libary('farm_extra', 'x.c')",
            "farm_extra = [undefined_name]",
            "if true",
            "add_languages('fortran')",
            "import('python').find_installation('python3', modules: ['sphinx'])",
        ]
    )
    return first_step(recipe, f'echo "{text}" >> meson.build')


def misspell_meson_function(recipe: str, chance: random.Random) -> str:
    return change_one(recipe, chance, MESON, r"^ *[a-z_.]+\(|= [a-z_.]+\(", r"s/([a-z_]+)\(/\1s(/")


def lose_build_file(recipe: str, chance: random.Random) -> str:
    names = f"{CMAKE} -o {MESON} -o -name '*.in' -o -name '*.am' -o -name '*.ac' -o -name '*.m4'"
    return first_step(recipe, choose(chance, names) + '\nrm "$file"')


def windows_lines(recipe: str, chance: random.Random) -> str:
    names = "-name configure -o -name '*.sh' -o -name 'mk*' -o -name Makefile"
    return first_step(recipe, choose(chance, names) + "\nsed -i 's/$/\\r/' \"$file\"")


def not_executable(recipe: str, chance: random.Random) -> str:
    names = "-name configure -o -name '*.sh' -o -name 'mk*[a-z]' -o -name config.guess -o -name install-sh"
    return first_step(recipe, choose(chance, names) + '\nchmod a-x "$file"')


def cut_configure(recipe: str, chance: random.Random) -> str:
    if build_system(recipe) != "autotools" or "regenerate" in recipe:
        return ""
    part = chance.randrange(2, 9)
    return first_step(recipe, f"head -n $(($(wc -l < configure) * {part} / 10)) configure > cut\ncat cut > configure")


def undefined_macro(recipe: str, chance: random.Random) -> str:
    if "regenerate: true" not in recipe:
        return ""
    macro = chance.choice(
        [
            "AX_CHECK_NOWHERE([x])",
            "PKG_CHECK_MODULES([GLIB], [glib-2.0 >= 2.70])",
            "AM_NOWHERE",
            "AC_CHECK_LIB([hs], [hs_scan], [], [AC_MSG_ERROR([hyperscan is needed])])",
        ]
    )
    return first_step(recipe, f"sed -i '/^AC_OUTPUT/i {macro}' configure.ac")
