"""Gates that decide about single packages, and the registry of the gates that a policy can require.
May import `pipeline.candidates` and what lies below.
"""
