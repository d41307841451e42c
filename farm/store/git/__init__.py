"""Git repositories, read by the git program: objects, commits and their signatures, and copies of remote ones.
Nothing here runs what a repository holds: no hook, filter, submodule or configuration of it.
"""
