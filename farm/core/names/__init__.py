"""The basic values: digests, versions, package names, platforms, canonical JSON and its strict reading.
Imports only `farm.errors`.
"""
