"""The public store of a channel, and speaking to the signer.
May import the slices of `farm.server`, and `farm.trust`.
"""
