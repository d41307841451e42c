"""Recipes from git repositories: what branches and pull requests change is previewed, and what is merged is submitted.
May import `server.submissions` and what lies below.
"""
