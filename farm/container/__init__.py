"""What touches the container engine and the kernel: the sandbox, mounts, environments, image loading, the janitor.
May import `farm.core`, `farm.store`.
"""
