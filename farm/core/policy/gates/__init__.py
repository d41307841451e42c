"""The gates that a channel's policy can ask for, one file each: key, settings, reading, check, sentence.
May import `core.advisories`, `core.package`, `core.recipe.license`, `core.files` and `core.names`.
"""
