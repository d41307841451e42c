"""The `farm` command. Verbs parse, call one function and print; each is loaded when it is called.
Modules here are shared by verbs of several subpackages. May import every subpackage of `farm`.
"""
