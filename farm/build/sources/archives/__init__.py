"""Archives among sources that are not tar: read within limits, and written as a tar archive for the container.
May import `farm.core`, `farm.errors`, `farm.store`; runs no program but its own reader, in a process with limits.
"""
