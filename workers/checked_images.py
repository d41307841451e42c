"""Computes the image that released packages make, for the signer, which reads no package itself.

The checker runs it for each image: `python -m workers.checked_images REPOSITORY LEDGER SECONDS` reads an `AskedImage`
from standard input, and writes a `CheckedImage` or a refusal to standard output.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from farm.client.image.evidence import release_head
from farm.client.image.package_set import parts_of
from farm.client.image.registry_image import described_image
from farm.client.repository.catalogue import Catalogue
from farm.client.repository.download import Downloads
from farm.client.repository.readers import DirectoryReader
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.signing.consistency import PinnedRepository, ReadLedger
from farm.signing.ledger import LedgerReader
from farm.store.blobs import BlobStore
from farm.trust.attestation.check_results import CheckedImage
from farm.trust.attestation.image_request import AskedImage, UnsignableImageError
from farm.trust.index.earlier_release import numbered_release
from farm.trust.layout import BLOBS
from workers.refusals import REFUSED_EXIT, refusal_form

if TYPE_CHECKING:
    from farm.trust.index.imports import Import
    from farm.trust.metadata.repository import Repository


def make_image(repository: Repository, asked: AskedImage) -> CheckedImage:
    """Return the image of published packages.

    Raises `UnsignableImageError`, `RepositoryStateError`, and what verifying packages and making images raise.
    """
    published = repository.current(asked.channel)
    if published.release is None:
        raise UnsignableImageError(f"nothing is published on {asked.channel}")
    blobs = BlobStore(repository.root / BLOBS)
    release = numbered_release(published.release, asked.number, lambda blob: blobs.read(blob.digest))
    catalogue = Catalogue(
        release, repository.builders, Downloads(DirectoryReader(repository.root), blobs), _refuse_imported
    )
    parts = parts_of(catalogue, catalogue.verified(asked.packages))
    with TemporaryDirectory(prefix="farm-image-") as folder:
        image, sbom = described_image(asked, parts, release_head(catalogue), BlobStore(Path(folder)))
    return CheckedImage(asked=Digest.of(asked.to_json()), image=image, sbom=sbom)


def _refuse_imported(pin: Import) -> Catalogue:
    raise UnsignableImageError(f"the set holds packages of {pin.distribution}, which this farm does not republish")


def main() -> None:
    """Answer one request; exits with status 3 if the answer is a refusal."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    repository, ledger = map(Path, sys.argv[1:3])
    # By then nobody waits for the answer. A loop in a library's C code cannot delay this.
    faulthandler.dump_traceback_later(float(sys.argv[3]), exit=True)
    try:
        asked = AskedImage.from_json(sys.stdin.buffer.read())
        answer = make_image(PinnedRepository(repository, ReadLedger(LedgerReader(ledger))), asked).to_json()
    except FarmError as error:
        sys.stdout.write(json.dumps(refusal_form(error)))
        sys.exit(REFUSED_EXIT)
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main()
