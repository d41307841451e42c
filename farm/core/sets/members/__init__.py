"""Packages as members of a set: what each claims, provides and may open; indexes over them; records of sets.
May import `core.package`, `core.fileset`, `core.names`.
"""
