"""Package sets. Subpackages from low to high: findings, members, linking, needs, proof; composition.
May import everything of `farm.core` but `advisories`.
"""
