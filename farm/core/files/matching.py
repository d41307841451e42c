"""A check that a whole text matches a regular expression."""

from __future__ import annotations

import re
from dataclasses import dataclass

from farm.core.files.problems import quoted
from farm.errors import FarmError


class InvalidValueError(FarmError):
    """A text in a file does not have the form that its key requires."""

    code = "invalid-value"


@dataclass(frozen=True, slots=True)
class Matching:
    """Returns a text that matches `form`; raises `InvalidValueError` for any other.

    The message is the text with `complaint`.
    """

    form: str
    complaint: str
    remedy: str

    def __call__(self, text: str) -> str:
        """Check a text."""
        if not re.fullmatch(self.form, text):
            raise InvalidValueError(f"{quoted(text)} {self.complaint}", remedy=self.remedy)
        return text
