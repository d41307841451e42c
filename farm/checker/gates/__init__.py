"""The gates of a channel's signed policy, asked again from signed statements.
May import all other subpackages of `farm.checker`.
"""
