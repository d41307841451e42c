"""Whether packages were built as their recipes say, by whom, and whose recipes these are.
May import `checker.reading`.
"""
