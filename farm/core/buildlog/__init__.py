"""The logs of builds: what a terminal would show of a line, and the first error of a failed build.
Imports `names`; streams, with bounded memory.
"""
