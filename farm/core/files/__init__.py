"""Files that people write: YAML text with places, typed fields, and problems that are all collected first.
May import `names`.
"""
