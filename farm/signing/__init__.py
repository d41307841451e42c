"""What the signer does (`sign`), and its own records: its ledger, and the evidence that comes with a release.
May import `farm.core`, `farm.store`, `farm.trust`; never `farm.checker`, which reads hostile bytes.
"""
