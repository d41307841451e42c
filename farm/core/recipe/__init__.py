"""Recipes, steps and toolchains: from text to checked values. Directories are read elsewhere.
May import `names`, `files`.
"""
