"""The oracle: real packages, mutated by a seed, and their own dynamic linker's verdict on each, next to the proof.

`campaign` draws the mutations, `parts` makes packages of them, `linker` asks, `verdict` compares, `tables` holds the
hand-written lists. `tests/distribution/test_oracle.py` runs it on the distribution.
"""
