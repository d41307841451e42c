"""Plans (recipes with everything pinned), the graph of builds, orders for workers, and SBOMs.
May import `names`, `fileset`, `package`, `files`, `recipe`.
"""
