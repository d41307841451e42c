"""What the signer remembers by itself, its ledger, and what it is shown with a release.
May import `farm.core`, `farm.store`, `farm.trust`; never `farm.checker`, which reads hostile bytes.
"""
