"""The signed metadata of a repository on disk: roles, delegations, builders, policy, and writing them in order.
May import `attestation`, `index`, `keys`, `farm.core`, `farm.store`, the modules of `farm.trust` itself.
"""
