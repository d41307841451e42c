"""Files that subscribers write: image files, and policies for what may be installed and run.
May import `names`, `files`.
"""
