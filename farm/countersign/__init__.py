"""What the signer finds out by itself before it signs: from signed statements, and from the bytes that they name.

Nothing of the database or the pipeline is known here; only what both work out alike is shared, below.
"""
