"""The families of errors that programs of builds report, one file each; `farm.core.buildlog.registry` lists them.
A family reads lines as a terminal shows them, and knows nothing of other families.
"""
