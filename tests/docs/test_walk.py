"""How a page's section is carried out, compared and rewritten: with commands that are in every shell."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from tests.docs.walk import Section, says, walk

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """\
# A page

## Before

```console
$ false
```

## The walk

```sh
this does not run
```

```yaml
# some/greeting.yaml
say: hello
```

```console
$ here=$(cat <<'END'
> from here
> END
> )
$ tail -n 1 some/greeting.yaml; echo "$here" >&2
say: hello
from here
$ (exit 3)
$ echo $?
3
```

### Later

```console
$ cat happened
at 2026-01-02, 4.2 MB
```

## After
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def carry_out(page: Path) -> None:
    folder = page.parent / "folder"
    folder.mkdir()

    def happen() -> None:
        assert (folder / "some" / "greeting.yaml").exists()
        (folder / "happened").write_text("at 2026-11-27, 17 kB\n")

    walk(Section(page, "## The walk"), folder, {"PATH": os.environ["PATH"]}, {"Later": happen})


def test_files_and_commands_are_carried_out_in_order(page: Path) -> None:
    carry_out(page)
    assert page.read_text() == PAGE


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("from here\n$ (", "from there\n$ (", r"\+from here"),
        ("$ echo $?\n3\n", "", r"line 28: \$ \(exit 3\)\n  ended with status 3"),
        ("$ cat happened", "$ cat", r"-at 2026-01-02, 4\.2 MB"),
        ("say: hello\nfrom", "from", r"\+say: hello"),
        (PAGE, "## The walk\n\n### Later\n", "shows no command"),
        ("at 2026-01-02, 4.2 MB", "on 2026-01-02, 4.2 MB", r"\+at 2026-11-27, 17 kB"),
    ],
)
def test_a_page_that_says_otherwise_is_told(page: Path, right: str, wrong: str, message: str) -> None:
    assert PAGE.count(right) == 1
    page.write_text(PAGE.replace(right, wrong))
    with pytest.raises(AssertionError, match=message):
        carry_out(page)


def test_what_was_printed_is_written_into_the_page(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPDATE_GOLDEN", "1")
    page.write_text(PAGE.replace("say: hello\nfrom here", "…").replace("\n3\n", "\n").replace("at 2026", "on 2026"))
    with pytest.raises(AssertionError):
        carry_out(page)
    # A line that matches any output stays.
    updated = PAGE.replace("say: hello\nfrom here", "…").replace("at 2026-01-02, 4.2 MB", "at 2026-11-27, 17 kB")
    assert page.read_text() == updated


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (["a", "…", "d"], ["a", "b", "c", "d"]),
        (["a", "…"], ["a"]),
        ([f"sha256:{'0' * 64} of 127.0.0.1:80"], [f"sha256:{'f' * 64} of 127.0.0.1:43210"]),
        (["…/root: 3 packages"], ["/tmp/here/root: 3 packages"]),
        (["A   B"], ["A      B"]),
    ],
)
def test_what_may_differ(shown: list[str], printed: list[str]) -> None:
    assert says(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (["a", "…"], ["b"]),
        (["…/root: 3"], ["/tmp/root: 4"]),
        (["1 of 4"], ["2 of 4"]),
        (["a", "b"], ["b", "a"]),
        (["release 1"], ["release 12"]),
    ],
)
def test_what_may_not(shown: list[str], printed: list[str]) -> None:
    assert not says(shown, printed)


ELSEWHERE = """\
# Names and typing

```yaml
# address.yaml
url: https://farm.example.org/a
```

```console
$ cat address.yaml | tail -n 1; echo at https://farm.example.org
url: https://farm.example.org/a
at https://farm.example.org
$ PS1='jq@1:make ~/src$ ' bash --norc -i
jq@1:make ~/src$ test -t 0 && echo a terminal
a terminal
jq@1:make ~/src$ exit
exit
```
"""


@pytest.mark.parametrize(("right", "wrong"), [("", ""), ("a terminal\njq", "no terminal\njq"), ("\nat h", "\nof h")])
def test_names_stand_for_what_is_elsewhere_and_lines_after_a_prompt_are_typed(
    tmp_path: Path, right: str, wrong: str
) -> None:
    page = tmp_path / "page.md"
    page.write_text(ELSEWHERE.replace(right, wrong))
    names = {"https://farm.example.org": "http://[::1]:80"}
    with pytest.raises(AssertionError, match=f"-{wrong.strip()[:4]}") if right else nullcontext():
        walk(Section(page, "# Names and typing"), tmp_path, {"PATH": os.environ["PATH"]}, names=names)
    assert (tmp_path / "address.yaml").read_text() == "# address.yaml\nurl: http://[::1]:80/a\n"
