"""The `farm` command. Verbs parse, call one function and print; each is loaded when it is called. `operate` has also
the supervisor of `farm up`, and what it needs to found a farm.
Modules here are shared by verbs of several subpackages. May import every subpackage of `farm`.
"""
