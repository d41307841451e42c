"""The proof of a set, complete or for a change; closures, atoms, interfaces to compare.
May import all other subpackages of `core.sets` but `composition`, and `core.plan`, `core.policy`, `core.recipe`.
"""
