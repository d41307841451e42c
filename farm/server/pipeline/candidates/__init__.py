"""What a channel would change, what it takes of others, and how it stands, for people and programs.
May import `pipeline.members`, `pipeline.publication`.
"""
