"""Recipe revisions and the current state of each recipe.
May import `server.transaction` and what lies below.
"""
