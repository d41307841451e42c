"""The public store, the next release of a channel, and the clients of the signer.
May import the slices of `farm.server`, and `farm.trust`.
"""
