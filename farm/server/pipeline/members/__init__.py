"""Packages and recipes as the pipeline asks for them again and again, and a channel's newest set in memory.
May import `pipeline.publication`.
"""
