"""Local builds, without a farm: the recipes of one tree, on this machine, with its own store and key.
May import the rest of `farm.build` except `packing`.
"""
