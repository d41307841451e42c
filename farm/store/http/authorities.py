"""The certificate authorities that a subscriber trusts."""

from __future__ import annotations

import os
import ssl

import certifi


def trusted_authorities() -> ssl.SSLContext:
    """Return a context that trusts `SSL_CERT_FILE` or `SSL_CERT_DIR` if set, else Mozilla's list, as httpx does."""
    file, directory = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or directory:
        return ssl.create_default_context(cafile=file, capath=directory)
    return ssl.create_default_context(cafile=certifi.where())
