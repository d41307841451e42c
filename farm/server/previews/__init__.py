"""Previews of submissions, and what builds see: the farm's own recipes and packages, or a preview in front of them.
May import `server.packages`, `server.recipes` and what lies below.
"""
