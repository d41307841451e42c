"""JSON Schemas of the files that people write, made of what their readers expect.
May import `core.names`, `core.files`, `core.recipe`, `core.subscriber`, `core.policy`.
"""
