"""The checks before anything is signed, in a process without keys; `decision` is the whole of them.
Subpackages, lowest first: reading, builds, orders, gates. Imports `farm.core`, `farm.store`, `farm.trust`,
`farm.signing`.
"""
