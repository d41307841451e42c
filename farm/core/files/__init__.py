"""Files that people write: YAML text with positions, typed fields, and problems that are collected and raised together.
May import `names`.
"""
