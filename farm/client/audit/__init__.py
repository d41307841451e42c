"""Audits of what is installed, made, running or published: advisories, verification, provenance, dependents.
May import every other subpackage of `farm.client` but `gc` and `mirror`.
"""
