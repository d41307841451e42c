"""Ways to break a recipe, or the software that it builds, by chance.

Each takes the text of a recipe and returns it broken, or nothing where it does not apply.
"""
