"""Why a tree or an archive is refused: one name for each cause, shared by rules, archive reader and disk scan."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """A rule of FileSets that was broken; the value is the stable name that errors and tests go by."""

    # names
    EMPTY_PATH = "empty-path"
    ABSOLUTE_PATH = "absolute-path"
    DOT_DOT = "dot-dot"
    EMPTY_COMPONENT = "empty-component"
    CONTROL_CHARACTER = "control-character"
    NOT_UTF_8 = "not-utf-8"
    NAME_TOO_LONG = "name-too-long"
    PATH_TOO_LONG = "path-too-long"
    # links
    EMPTY_LINK = "empty-link"
    ABSOLUTE_LINK = "absolute-link"
    ESCAPING_LINK = "escaping-link"
    WINDING_LINK = "winding-link"
    # kinds of entry
    HARD_LINK = "hard-link"
    DEVICE = "device"
    FIFO = "fifo"
    SOCKET = "socket"
    SETUID = "setuid"
    EXTENDED_ATTRIBUTE = "extended-attribute"
    ENTRY_TYPE = "entry-type"
    # the tree as a whole
    DUPLICATE_NAME = "duplicate-name"
    FILE_AND_DIRECTORY = "file-and-directory"
    LINK_AS_PARENT = "link-as-parent"
    FILE_AS_PARENT = "file-as-parent"
    MISSING_PARENT = "missing-parent"
    NOT_SORTED = "not-sorted"
    OUTSIDE_PREFIX = "outside-prefix"
    # sizes
    FILE_TOO_LARGE = "file-too-large"
    TOTAL_TOO_LARGE = "total-too-large"
    TOO_MANY_ENTRIES = "too-many-entries"
    NAMES_TOO_LARGE = "names-too-large"
    # the form of an archive
    CHECKSUM = "checksum"
    PAX_RECORD = "pax-record"
    TWO_NAMES = "two-names"
    TRUNCATED = "truncated"
    TRAILING_DATA = "trailing-data"
    NOT_CANONICAL = "not-canonical"

    @property
    def explanation(self) -> str:
        """What is wrong, as the end of a sentence that starts with the entry's path."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    Refusal.EMPTY_PATH: "the path is empty",
    Refusal.ABSOLUTE_PATH: "the path is absolute",
    Refusal.DOT_DOT: "the path has a `.` or `..` component",
    Refusal.EMPTY_COMPONENT: "the path has an empty component",
    Refusal.CONTROL_CHARACTER: "it has a control character",
    Refusal.NOT_UTF_8: "it is not valid UTF-8",
    Refusal.NAME_TOO_LONG: "a component is longer than 255 bytes",
    Refusal.PATH_TOO_LONG: "it is longer than 4096 bytes",
    Refusal.EMPTY_LINK: "the link has no target",
    Refusal.ABSOLUTE_LINK: "the link's target is absolute",
    Refusal.ESCAPING_LINK: "the link leads out of the tree",
    Refusal.WINDING_LINK: "the link's target has `..` after a name, so where it leads depends on other links",
    Refusal.HARD_LINK: "it is a hard link",
    Refusal.DEVICE: "it is a device",
    Refusal.FIFO: "it is a fifo",
    Refusal.SOCKET: "it is a socket",
    Refusal.SETUID: "it has a setuid, setgid or sticky bit",
    Refusal.EXTENDED_ATTRIBUTE: "it has an extended attribute",
    Refusal.ENTRY_TYPE: "it is neither a file, a directory nor a symbolic link",
    Refusal.DUPLICATE_NAME: "the name is listed twice",
    Refusal.FILE_AND_DIRECTORY: "the name is listed twice, as two kinds of entry",
    Refusal.LINK_AS_PARENT: "its parent is a symbolic link",
    Refusal.FILE_AS_PARENT: "its parent is a file",
    Refusal.MISSING_PARENT: "its parent directory is missing",
    Refusal.NOT_SORTED: "it is out of order",
    Refusal.OUTSIDE_PREFIX: "it lies outside the directory that the archive is of",
    Refusal.FILE_TOO_LARGE: "the file is larger than the limit",
    Refusal.TOTAL_TOO_LARGE: "the files together are larger than the limit",
    Refusal.TOO_MANY_ENTRIES: "there are more entries than the limit",
    Refusal.NAMES_TOO_LARGE: "the names of all entries together are larger than the limit",
    Refusal.CHECKSUM: "the header's checksum is wrong",
    Refusal.PAX_RECORD: "a PAX record has no place in a canonical archive, or is malformed",
    Refusal.TWO_NAMES: "its header and its PAX record name two paths, and readers differ in which they take",
    Refusal.TRUNCATED: "the archive ends too early",
    Refusal.TRAILING_DATA: "there is data after the end of the archive",
    Refusal.NOT_CANONICAL: "the header is not the canonical one",
}
