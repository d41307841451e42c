"""The `farm` command. Verbs parse, call one function and print; each is loaded when it is called.
The modules beside this one are what verbs of several rooms share. May import every room of `farm`.
"""
