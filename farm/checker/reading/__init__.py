"""Reading what a release names, by digest and within bounds; and what the checker remembers by itself.
May import what `farm.checker` may.
"""
