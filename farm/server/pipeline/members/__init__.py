"""Caches for the pipeline: packages and recipes, and the newest set of a channel in memory.
May import `pipeline.repository`.
"""
