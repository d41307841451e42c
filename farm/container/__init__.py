"""Everything that uses the container engine and the kernel: sandbox, mounts, environments, image loading, janitor.
May import `farm.core`, `farm.store`.
"""
