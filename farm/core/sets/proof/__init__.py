"""The proof of a set, whole or of what a change can have touched; closures, atoms, interfaces to be compared.
May import all other rooms of `core.sets` but `composition`, and `core.plan`, `core.recipe`.
"""
