"""The places of a container that farm's packages and the runtime have for themselves. Values."""

TAKEN = ("bin", "dev", "etc", "lib", "lib64", "packages", "proc", "sbin", "sys", "usr")
"""What is there already, links of packages among it: what is mounted over it, or below, hides those."""

LINKED = ("bin", "include", "lib", "lib32", "lib64", "libexec", "libx32", "sbin", "share")
"""The directories of `/usr` in which an extra link of a package may lie: `/usr/local` is for who keeps a machine."""
