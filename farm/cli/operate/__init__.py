"""Verbs of operators and key holders: the farm on one machine, its users, keys and ceremonies.
May import every subpackage of `farm` except other verbs.
"""
