"""What a distribution's files say besides recipes: channels, gates, curators, owners; and the whole tree.
May import `names`, `files`, `recipe`.
"""
