"""Recipes with everything pinned: plans, the graph of what is built from what, orders for workers, bills of materials.
May import `names`, `fileset`, `package`, `files`, `recipe`.
"""
