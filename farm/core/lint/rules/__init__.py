"""The rules by family, each a pure function over a written recipe.
May import what `core.lint` may.
"""
