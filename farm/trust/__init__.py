"""What is signed: keys, statements, the release index, TUF metadata. Uses no database.
Subpackages, lowest first: keys, index, attestation, metadata, verification, ceremony. Imports `farm.core`,
`farm.store`.
"""
