"""The smallest words: digests, versions, package names, platforms, canonical JSON and strict reading of it.
Imports nothing but `farm.errors`.
"""
