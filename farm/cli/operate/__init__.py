"""Verbs of operators and key holders: the farm on one machine, its users, keys and ceremonies.
May import every room of `farm` but other verbs.
"""
