"""The proof of a set, whole or of what a change affects; closures, atoms, interfaces to compare.
May import all other rooms of `core.sets` but `composition`, and `core.plan`, `core.recipe`.
"""
