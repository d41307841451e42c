"""Builds that failed, or were stopped before a step, kept on this machine to be looked into, edited and resumed.
May import `build.attempt` and what that may.
"""
