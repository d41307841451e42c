"""What is found out in a process without keys before the signer signs: from signed statements, and what they name.

Nothing of the database or the pipeline is known here; only what both work out alike is shared, below.
"""
