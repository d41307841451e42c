"""Private and public keys in files, and the keys that a process can sign with.
May import `farm.store`.
"""
