"""The oracle: real packages, mutated by a seed, and what their own dynamic linker says of each, beside the proof.

`campaign` draws the mutations, `parts` makes packages of them, `linker` asks, `verdict` compares, `tables` has what is
written down by hand. `tests/distribution/test_oracle.py` carries it out on the distribution.
"""
