"""What the signer remembers by itself: what it has signed, what curators have ordered, and which root it trusts.

The process that holds the keys writes it; the checker reads it. It parses small JSON only, and knows no package.
"""
