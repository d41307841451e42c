"""The gates that a channel's policy can require, one file each: key, settings, reading, check, message.
May import `core.advisories`, `core.package`, `core.recipe.license`, `core.files`, `core.names`, `policy.gate_kind`.
"""
