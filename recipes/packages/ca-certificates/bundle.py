"""Writes the certificates that Mozilla trusts to vouch for servers, out of its certdata.txt, as one PEM file.

usage: bundle.py CERTDATA BUNDLE
"""

from __future__ import annotations

import base64
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FEWEST = 100
BYTE = re.compile(r"\\([0-3][0-7]{2})")

Attributes = dict[str, str | bytes]


def read_objects(text: str) -> Iterator[Attributes]:
    """Yield each object as its attributes by name: bytes where they are octal, else the last word."""
    attributes: Attributes = {}
    lines = iter(text.partition("\nBEGINDATA\n")[2].splitlines())
    for line in lines:
        words = line.strip().split(maxsplit=2)
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "CKA_CLASS" and attributes:
            yield attributes
            attributes = {}
        if words[1:] == ["MULTILINE_OCTAL"]:
            octal = "".join(iter(lambda: next(lines), "END"))
            attributes[words[0]] = bytes(int(byte, 8) for byte in BYTE.findall(octal))
        else:
            attributes[words[0]] = words[-1]
    yield attributes


def trusted(objects: list[Attributes]) -> Iterator[bytes]:
    """Yield the certificates that vouch for servers.

    Those that vouch only for what was signed before some day are left out: a PEM file cannot say so.
    """
    vouching = {
        (each["CKA_ISSUER"], each["CKA_SERIAL_NUMBER"])
        for each in objects
        if each["CKA_CLASS"] == "CKO_NSS_TRUST" and each["CKA_TRUST_SERVER_AUTH"] == "CKT_NSS_TRUSTED_DELEGATOR"
    }
    for each in objects:
        value = each.get("CKA_VALUE")
        if not isinstance(value, bytes) or (each["CKA_ISSUER"], each["CKA_SERIAL_NUMBER"]) not in vouching:
            continue
        if isinstance(each.get("CKA_NSS_SERVER_DISTRUST_AFTER"), bytes):
            sys.stdout.write(f"left out, trusted for the past only: {each['CKA_LABEL']!r}\n")
        else:
            yield value


def pem(certificate: bytes) -> str:
    """Return a certificate as text."""
    lines = textwrap.wrap(base64.b64encode(certificate).decode("ascii"), 64)
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----\n"])


def main(certdata: Path, bundle: Path) -> None:
    """Write the bundle; end with status 1 when the data is hardly all there."""
    certificates = sorted(set(trusted(list(read_objects(certdata.read_text("utf-8"))))))
    if len(certificates) < FEWEST:
        sys.exit(f"error: {certdata} has {len(certificates)} trusted certificates, and {FEWEST} are to be expected")
    bundle.write_text("".join(map(pem, certificates)), "ascii")
    sys.stdout.write(f"{len(certificates)} certificates\n")


main(Path(sys.argv[1]), Path(sys.argv[2]))
