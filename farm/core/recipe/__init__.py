"""Recipes, steps and toolchains: text to checked values. Reading a directory is done elsewhere.
May import `names`, `files`.
"""
