"""Gates that look at packages one by one, and the registry that knows which a policy asks for.
May import `pipeline.candidates` and what lies below.
"""
