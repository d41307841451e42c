"""The files of a distribution other than recipes: channels, gates, curators, owners; and the whole tree.
May import `core.names`, `core.files`, `core.recipe`, `core.package`, `core.advisories`.
"""
