"""The changes that a channel could make, its imports, and its state, for people and programs.
May import `pipeline.members`, `pipeline.repository`, `pipeline.round_result`.
"""
