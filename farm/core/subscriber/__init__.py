"""Files that subscribers write: image files, and policies about what may be installed and run.
May import `names`, `files`.
"""
