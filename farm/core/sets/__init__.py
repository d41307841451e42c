"""What is true of packages together. Rooms from low to high: findings, members, linking, needs, proof; composition.
May import everything of `farm.core` but `advisories`.
"""
