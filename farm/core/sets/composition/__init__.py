"""From packages to one root, in any order: links, packages at chosen paths, a user's own files.
May import `members`, `core.fileset`, `core.names`, `core.package`, `core.subscriber`.
"""
