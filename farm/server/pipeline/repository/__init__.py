"""The published repository, as the pipeline reads it, and the signer, which alone writes it.
May import the slices of `farm.server`, `farm.signing` and `farm.trust`.
"""
