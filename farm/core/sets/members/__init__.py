"""Packages as members of a set: their claims, capabilities and openable paths; indexes over them; records of sets.
May import `core.package`, `core.fileset`, `core.names`.
"""
