"""What is signed: keys, statements, the release index, TUF metadata. Talks to no database.
Rooms from low to high: keys, index, attestation, metadata, verification, ceremony. Imports `farm.core`, `farm.store`.
"""
