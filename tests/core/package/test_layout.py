from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from farm.core.fileset.manifest import Directory, File, Link, Manifest
from farm.core.names.declared import Output
from farm.core.names.digest import Digest
from farm.core.package.layout import (
    LayoutError,
    Rule,
    explain_installed,
    explain_packages,
    lay_out,
    package_name,
)
from tests.core.package.trees import tree

GOLDEN = Path(__file__).parent / "golden"
PLAIN: tuple[Output, ...] = ()


def paths(contents: dict[str, bytes | str], outputs: tuple[Output, ...] = PLAIN) -> dict[str, list[str]]:
    layouts = lay_out(tree(contents).manifest, outputs)
    return {name: [entry.path for _, entry in layout.files] for name, layout in layouts.items()}


def link_of(contents: dict[str, bytes | str]) -> str:
    """Return the target of the only link in the main output."""
    (target,) = [e.target for _, e in lay_out(tree(contents).manifest, PLAIN)[""].files if isinstance(e, Link)]
    return target


class TestWhereFilesGo:
    def test_usr_and_the_merged_directories_of_the_root_become_the_packages_own(self) -> None:
        installed = {"usr/bin/a": b"", "bin/b": b"", "sbin/c": b"", "lib/d": b"", "usr/libexec/e": b"", "etc/f": b""}
        assert paths(installed) == {"": ["bin/a", "bin/b", "etc/f", "lib/d", "libexec/e", "sbin/c"]}

    def test_each_file_remembers_where_it_lies_under_destdir_and_keeps_its_mode(self) -> None:
        installed = tree({"usr/bin/jq": b"x"}, programs=("usr/bin/jq",)).manifest
        assert lay_out(installed, PLAIN)[""].files == (
            ("usr/bin/jq", File("bin/jq", 1, Digest.of(b"x"), executable=True)),
        )

    @pytest.mark.parametrize(
        "path",
        [
            "usr/lib/libz.la",
            "usr/share/info/dir",
            "usr/lib/charset.alias",
            "usr/lib/python3/__pycache__/x.pyc",
            "usr/share/mime/mime.cache",
            "usr/share/glib-2.0/schemas/gschemas.compiled",
        ],
    )
    def test_what_is_made_anew_on_each_machine_is_dropped(self, path: str) -> None:
        assert paths({path: b"", "usr/bin/x": b""}) == {"": ["bin/x"]}

    def test_empty_directories_are_dropped_and_the_manifest_has_the_parents_of_files(self) -> None:
        layout = lay_out(tree({"usr/lib/x/y": b""}).manifest, PLAIN)[""]
        assert [entry.path for entry in layout.manifest.entries] == ["lib", "lib/x", "lib/x/y"]


class TestOutputs:
    def test_documentation_is_an_output_of_its_own_unless_it_is_empty(self) -> None:
        installed = {"usr/bin/x": b"", "usr/share/man/man1/x.1": b"", "usr/share/locale/de/x.mo": b""}
        assert paths(installed) == {"": ["bin/x"], "doc": ["share/locale/de/x.mo", "share/man/man1/x.1"]}

    def test_the_first_output_that_matches_takes_a_file(self) -> None:
        outputs = (Output("dev", ("include", "lib/*.a")), Output("libs", ("lib/**",)))
        installed = {"usr/lib/libz.a": b"", "usr/lib/libz.so.1": b"", "usr/include/zlib.h": b"", "usr/bin/x": b""}
        assert paths(installed, outputs) == {
            "": ["bin/x"],
            "dev": ["include/zlib.h", "lib/libz.a"],
            "libs": ["lib/libz.so.1"],
        }

    def test_a_declared_doc_output_replaces_the_built_in_one(self) -> None:
        outputs = (Output("doc", ("share/man",)),)
        installed = {"usr/share/man/man1/x.1": b"", "usr/share/doc/x": b""}
        assert paths(installed, outputs) == {"": ["share/doc/x"], "doc": ["share/man/man1/x.1"]}

    def test_debug_data_is_an_output_of_its_own_whatever_the_patterns_of_others_match(self) -> None:
        outputs = (Output("all", ("lib/**",)),)
        installed = {"usr/lib/debug/.build-id/ab/cd.debug": b"", "usr/lib/debugger/x": b"", "usr/bin/x": b""}
        assert paths(installed, outputs) == {
            "": ["bin/x"],
            "all": ["lib/debugger/x"],
            "debug": ["lib/debug/.build-id/ab/cd.debug"],
        }

    def test_license_texts_stay_with_the_main_output(self) -> None:
        outputs = (Output("all", ("**",)),)
        installed = {"usr/share/licenses/zlib/LICENSE": b"", "usr/bin/x": b""}
        assert paths(installed, outputs) == {"": ["share/licenses/zlib/LICENSE"], "all": ["bin/x"]}

    def test_a_link_goes_with_its_target_because_no_link_leads_to_another_package(self) -> None:
        outputs = (Output("dev", ("include", "lib/*.so")),)
        installed: dict[str, bytes | str] = {
            "usr/lib/libz.so": "libz.so.1",
            "usr/lib/libz.so.1": "libz.so.1.3",
            "usr/lib/libz.so.1.3": b"",
            "usr/include/z.h": b"",
        }
        assert paths(installed, outputs) == {
            "": ["lib/libz.so", "lib/libz.so.1", "lib/libz.so.1.3"],
            "dev": ["include/z.h"],
        }

    def test_the_package_of_an_output_is_named_after_the_recipe(self) -> None:
        assert (package_name("xz", ""), package_name("xz", "dev")) == ("xz", "xz-dev")


class TestLinks:
    def test_an_absolute_link_becomes_relative(self) -> None:
        assert link_of({"usr/bin/x": "/usr/lib/x/run", "usr/lib/x/run": b""}) == "../lib/x/run"

    def test_a_link_from_etc_to_usr_leads_to_the_same_file_in_the_package(self) -> None:
        assert (
            link_of({"etc/ssl/cert": "../../usr/share/ssl/cert", "usr/share/ssl/cert": b""}) == "../../share/ssl/cert"
        )

    def test_a_link_that_the_merged_root_makes_superfluous_is_dropped(self) -> None:
        installed: dict[str, bytes | str] = {"bin": "usr/bin", "sbin/x": "/usr/sbin/x", "usr/sbin/x": b""}
        assert paths(installed) == {"": ["sbin/x"]}

    def test_links_in_a_circle_end(self) -> None:
        assert paths({"usr/lib/a": "b", "usr/lib/b": "a"}) == {"": ["lib/a", "lib/b"]}


@pytest.mark.parametrize("above", [b"", "../lib/x"])
def test_a_file_and_a_directory_that_the_merged_root_makes_one_are_refused(above: bytes | str) -> None:
    installed: dict[str, bytes | str] = {"usr/bin/x": above, "bin/x/deep/y": b"", "usr/lib/x/z": b""}
    with pytest.raises(LayoutError) as caught:
        lay_out(tree(installed).manifest, PLAIN)
    (problem,) = caught.value.problems
    assert problem.path == "/bin/x/deep/y"
    assert "it lies below /usr/bin/x, which is not a directory, where / is merged with /usr" in str(caught.value)


def test_every_path_at_fault_is_named_with_its_remedy() -> None:
    installed: dict[str, bytes | str] = {
        "bin/x": b"",
        "lib64/l.so": b"",
        "opt/x": b"",
        "usr/bin/climbs": "../../../etc/passwd",
        "usr/bin/mounts": "/proc/mounts",
        "usr/bin/x": b"",
        "usr/foo/x": b"",
        "usr/local/bin/x": b"",
        "var/lib/x": b"",
        "x": b"",
    }
    with pytest.raises(LayoutError) as caught:
        lay_out(tree(installed).manifest, PLAIN)
    shown = f"{caught.value}\n{caught.value.remedy}\n"
    assert shown == (GOLDEN / "layout-errors.txt").read_text()


def test_what_is_in_one_directory_is_said_once_with_the_place_where_it_belongs_in_ten_lines_at_most() -> None:
    installed: dict[str, bytes | str] = {f"usr/man/man6/game-{number}.6": b"" for number in range(60)}
    installed |= {"usr/info/x.info": b"", "usr/doc/x/README": b"", "usr/games/x": b""}
    installed |= {f"opt-{number:02}/x": b"" for number in range(20)}
    with pytest.raises(LayoutError) as caught:
        lay_out(tree(installed).manifest, PLAIN)
    assert len(caught.value.problems) == 83
    assert str(caught.value).count("\n") == 11
    assert "  and 14 more" in str(caught.value)
    few = {path: installed[path] for path in installed if path.startswith("usr/")}
    with pytest.raises(LayoutError) as caught:
        lay_out(tree(few).manifest, PLAIN)
    shown = f"{caught.value}\n{caught.value.remedy}\n"
    assert shown == (GOLDEN / "old-directories.txt").read_text()


_SEGMENT = st.sampled_from(["usr", "bin", "lib", "share", "etc", "man", "a", "b.la", "..", "opt"])


@given(
    st.dictionaries(
        st.lists(_SEGMENT, min_size=1, max_size=5).map("/".join), st.lists(_SEGMENT, max_size=5).map("/".join)
    )
)
@example({"usr/bin/usr": "", "bin/usr/usr": ""})
def test_what_is_laid_out_is_a_sound_package_whatever_was_installed(found: dict[str, str]) -> None:
    entries = []
    for path, target in found.items():
        parents = {path.rsplit("/", n)[0] for n in range(1, path.count("/") + 1)}
        if ".." not in path and not parents & set(found):
            entries.append(Link(path, target) if target else File(path, 0, Digest.of(b"")))
    entries = [e for e in entries if not any(o.path.startswith(f"{e.path}/") for o in entries)]
    try:
        layouts = lay_out(Manifest.of(entries, absolute_links=True), PLAIN)
    except LayoutError:
        return
    for layout in layouts.values():
        assert layout.manifest.absolute_links is False


EXPLAINED = (
    "usr/bin/a", "bin/b", "etc/c", "usr/share/man/man1/d.1", "usr/share/licenses/e/LICENSE", "usr/lib/f.la",
    "usr/lib/debug/.build-id/aa/g.debug", "usr/share/info/dir", "lib/h.so", "usr/include/i.h",
)  # fmt: skip


class TestTheExplanation:
    def test_says_of_every_file_where_it_goes_and_why(self) -> None:
        installed = tree(
            {
                "usr/bin/tool": b"#!",
                "usr/include/tool.h": b"int x;",
                "usr/lib/libtool.la": b"",
                "usr/lib/debug/.build-id/ab/c.debug": b"",
                "usr/share/doc/tool/README": b"read",
                "usr/share/licenses/tool/LICENSE": b"free",
                "etc/tool.conf": b"",
                "opt/x": b"",
            }
        )
        found = explain_installed(installed.manifest, (Output("dev", ("include/**",)),))
        assert {file.place: (file.output, file.rule) for file in found} == {
            "/etc/tool.conf": ("", Rule("rest")),
            "/opt/x": (None, Rule("misplaced", "/opt is not a standard directory of a package")),
            "/usr/bin/tool": ("", Rule("rest")),
            "/usr/include/tool.h": ("dev", Rule("pattern", "include/**")),
            "/usr/lib/debug/.build-id/ab/c.debug": ("debug", Rule("debug")),
            "/usr/lib/libtool.la": (None, Rule("dropped")),
            "/usr/share/doc/tool/README": ("doc", Rule("documentation")),
            "/usr/share/licenses/tool/LICENSE": ("", Rule("license")),
        }
        assert [file.size for file in found if file.place == "/usr/include/tool.h"] == [6]

    def test_says_that_a_link_goes_with_its_target_and_which_is_superfluous(self) -> None:
        entries = [
            *tree({"usr/lib/libx.so.1": b"", "usr/bin/x": b""}).manifest.entries,
            Directory("bin"),
            Link("bin/x", "/usr/bin/x"),
            Link("usr/lib/libx.so", "libx.so.1"),
        ]
        found = explain_installed(Manifest.of(entries, absolute_links=True), (Output("dev", ("lib/libx.so.1",)),))
        rules = {file.place: (file.output, file.rule) for file in found}
        assert rules["/usr/lib/libx.so"] == ("dev", Rule("link", "lib/libx.so.1"))
        assert rules["/bin/x"] == (None, Rule("merged"))

    @given(st.sets(st.sampled_from(EXPLAINED), min_size=1))
    def test_agrees_with_what_is_laid_out_also_when_it_is_read_back_from_the_packages(self, paths: set[str]) -> None:
        installed = tree(dict.fromkeys(paths, b"x")).manifest
        layouts = lay_out(installed, PLAIN)
        laid_out = {f"/{source}": name for name, layout in layouts.items() for source, _ in layout.files}
        found = explain_installed(installed, PLAIN)
        assert {file.place: file.output for file in found if file.output is not None} == laid_out
        again = explain_packages([layout.manifest for layout in layouts.values()], PLAIN)
        assert sorted(file.rule for file in again) == sorted(file.rule for file in found if file.output is not None)
