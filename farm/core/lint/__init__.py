"""What `farm lint` reports: problems of a whole tree, and rules about how a recipe is written, each with a code.
May import `core.names`, `core.files`, `core.package`, `core.recipe`, `core.plan`, `core.policy`.
"""
