"""FileSets: manifest and tree digest, the canonical archive and its strict reader, the link forest.
May import `names`.
"""
