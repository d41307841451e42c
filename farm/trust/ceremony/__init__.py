"""Founding a distribution, and changing root and targets by drafts that key holders sign.
May import all other subpackages of `farm.trust`.
"""
