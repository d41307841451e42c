"""Late-bound runs: packages of a channel in a container without an image, by a Docker Engine or bubblewrap.
May import every other subpackage of `farm.client` but `audit`, `gc` and `mirror`.
"""
