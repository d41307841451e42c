"""From a tree of files to facts, and from facts to the descriptor of a package. Buffers and values in, values out.
May import `names`, `fileset`.
"""
