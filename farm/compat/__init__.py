"""What is true of packages together: closure, conflicts, sonames, symbols, composition. Pure; opens no archive."""

from farm.compat.composition import ComposedPackage, Composition

__all__ = ["ComposedPackage", "Composition"]
