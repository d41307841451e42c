"""The index of a release: its head, a tree of small nodes, imports of other distributions, advisories.
May import `farm.core`, the modules of `farm.trust` itself.
"""
