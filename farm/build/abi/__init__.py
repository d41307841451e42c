"""Comparing the interfaces of two builds of a library with libabigail's tools, in a sandbox.
May import `build.attempt` and what that may.
"""
