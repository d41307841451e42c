"""The commands that a shell script calls by name, as far as can be found without running it.

The list is a hint, not a proof: a word that a variable makes is missed, and a command in a branch that is never taken
is included.
"""

from __future__ import annotations

import re

_SHELLS = re.compile(r"(?:interpreter:/usr/bin/|command:)(?:sh|bash|dash|ksh|zsh)")
_TOKEN = re.compile(
    r"""(?P<blank>[ \t]+|\\\n)
    |(?P<comment>(?<![^\s;&|()])\#[^\n]*)
    |(?P<here><<-?[ \t]*(?P<end>'[^'\n]+'|"[^"\n]+"|[\w.\\-]+))
    |(?P<redirection>[0-9]*(?:>>|<<<|<>|>\||[<>])&?)
    |(?P<line>\n)
    |(?P<operator>;;|&&|\|\||\$\(|[;&|(){}!`])
    |(?P<word>(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|\$\{[^}\n]{0,200}\}|[^\s;&|(){}`'"\\<>])+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z0-9_][\w.+-]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=.*", re.DOTALL)
_BLANK = re.compile(r"[ \t]*")
_OPENING, _ENDING = ("(", "$("), (";", ";;")
_LARGEST = 1024 * 1024
# A command follows these; after the other builtins come their arguments.
_LEADING = frozenset(("if", "then", "else", "elif", "while", "until", "do", "time", "exec", "command", "builtin"))
_BUILT_IN = frozenset(
    """alias bg bind break caller case cd compgen complete continue coproc declare dirs disown done echo enable esac
    eval exit export false fc fg fi for function getopts hash help history in jobs kill let local logout mapfile popd
    printf pushd pwd read readarray readonly return select set shift shopt source suspend test times trap true type
    typeset ulimit umask unalias unset wait""".split()  # noqa: SIM905  # a list of words is read as one
)


def script_commands(interpreter: str, content: bytes) -> tuple[str, ...] | None:
    """Return the commands that a shell script names in command position, sorted.

    None for a script of another program (`interpreter` is the capability that the script requires), for one that is not
    UTF-8, and for one of more than a mebibyte.
    """
    if not _SHELLS.fullmatch(interpreter) or len(content) > _LARGEST:
        return None
    try:
        reader = _Reader(content.decode("utf-8"))
    except UnicodeDecodeError:
        return None
    return tuple(sorted(set(reader.called) - reader.functions))


class _Reader:
    """Reads a script once; `called` are the commands, `functions` those that it defines itself."""

    def __init__(self, text: str) -> None:
        self.called: list[str] = []
        self.functions: set[str] = set()
        self._text = text
        self._position = 0
        self._starts = True  # whether a command can be next
        self._depth = 0
        self._since = 0  # the number of commands before this line
        self._ends: list[str] = []  # of here-documents that begin with the next line
        while match := _TOKEN.match(text, self._position):
            self._position = match.end()
            self._take(match)

    def _take(self, match: re.Match[str]) -> None:
        if match["end"]:
            self._ends.append(match["end"].strip("\\'\""))
        elif match["redirection"]:
            self._skip_word()
        elif match["word"]:
            self._take_word(match[0])
        elif match["operator"]:
            self._take_operator(match[0])
        elif match["line"]:
            self._begin()
            for end in self._ends:  # skip the here-documents
                found = re.compile(rf"^\t*{re.escape(end)}$", re.MULTILINE).search(self._text, self._position)
                self._position = found.end() if found else len(self._text)
            self._ends.clear()

    def _take_word(self, word: str) -> None:
        if not self._starts or word in _LEADING or _ASSIGNMENT.fullmatch(word):
            return
        self._starts = False
        if _NAME.fullmatch(word) and word not in _BUILT_IN:
            self.called.append(word)

    def _take_operator(self, operator: str) -> None:
        if operator in _OPENING:
            if self._text.startswith(")", self._position) and self.called and not self._starts:
                self.functions.add(self.called.pop())
            self._depth += 1
        elif operator == ")" and self._depth:
            self._depth -= 1
        elif operator == ")":
            del self.called[self._since :]  # what was read was a pattern of `case`
        elif operator in _ENDING:
            self._begin()
        self._starts = True

    def _begin(self) -> None:
        self._starts, self._since = True, len(self.called)

    def _skip_word(self) -> None:
        """Skip the target of a redirection: that is not a command."""
        blank = _BLANK.match(self._text, self._position)
        target = _TOKEN.match(self._text, blank.end() if blank else self._position)
        if target and target["word"]:
            self._position = target.end()
