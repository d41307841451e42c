"""Why a tree or an archive is refused: one name for each cause, shared by rules, archive reader and disk scan."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """A broken rule of FileSets: its stable name, which errors and tests use, and an explanation.

    The explanation is the end of a sentence that starts with the entry's path.
    """

    explanation: str

    def __new__(cls, value: str, explanation: str) -> Refusal:
        """Make a member with its name and explanation."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.explanation = explanation
        return member

    # names
    EMPTY_PATH = "empty-path", "the path is empty"
    ABSOLUTE_PATH = "absolute-path", "the path is absolute"
    DOT_DOT = "dot-dot", "the path has a `.` or `..` component"
    EMPTY_COMPONENT = "empty-component", "the path has an empty component"
    CONTROL_CHARACTER = "control-character", "it has a control character"
    NOT_UTF_8 = "not-utf-8", "it is not valid UTF-8"
    NAME_TOO_LONG = "name-too-long", "a component is longer than 255 bytes"
    PATH_TOO_LONG = "path-too-long", "it is longer than 4096 bytes"
    # links
    EMPTY_LINK = "empty-link", "the link has no target"
    ABSOLUTE_LINK = "absolute-link", "the link's target is absolute"
    ESCAPING_LINK = "escaping-link", "the link leads out of the tree"
    WINDING_LINK = "winding-link", "the link's target has `..` after a name, so where it leads depends on other links"
    # kinds of entry
    HARD_LINK = "hard-link", "it is a hard link"
    DEVICE = "device", "it is a device"
    FIFO = "fifo", "it is a fifo"
    SOCKET = "socket", "it is a socket"
    SETUID = "setuid", "it has a setuid, setgid or sticky bit"
    EXTENDED_ATTRIBUTE = "extended-attribute", "it has an extended attribute"
    ENTRY_TYPE = "entry-type", "it is neither a file, a directory nor a symbolic link"
    # the tree as a whole
    DUPLICATE_NAME = "duplicate-name", "the name is listed twice"
    FILE_AND_DIRECTORY = "file-and-directory", "the name is listed twice, as two kinds of entry"
    LINK_AS_PARENT = "link-as-parent", "its parent is a symbolic link"
    FILE_AS_PARENT = "file-as-parent", "its parent is a file"
    MISSING_PARENT = "missing-parent", "its parent directory is missing"
    NOT_SORTED = "not-sorted", "it is out of order"
    OUTSIDE_PREFIX = "outside-prefix", "it lies outside the directory that the archive is of"
    # sizes
    FILE_TOO_LARGE = "file-too-large", "the file is larger than the limit"
    TOTAL_TOO_LARGE = "total-too-large", "the files together are larger than the limit"
    TOO_MANY_ENTRIES = "too-many-entries", "there are more entries than the limit"
    NAMES_TOO_LARGE = "names-too-large", "the names of all entries together are larger than the limit"
    # the form of an archive
    CHECKSUM = "checksum", "the header's checksum is wrong"
    PAX_RECORD = "pax-record", "a PAX record has no place in a canonical archive, or is malformed"
    TWO_NAMES = "two-names", "its header and its PAX record name two paths, and readers differ in which they take"
    TRUNCATED = "truncated", "the archive ends too early"
    TRAILING_DATA = "trailing-data", "there is data after the end of the archive"
    NOT_CANONICAL = "not-canonical", "the header is not the canonical one"
