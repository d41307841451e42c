"""Reads what a release names, by digest and within limits; and the checker's own records.
May import what `farm.checker` may.
"""
