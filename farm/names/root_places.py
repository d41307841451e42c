"""The places at the root of a container that farm's packages and the runtime have for themselves. Values."""

TAKEN = ("bin", "dev", "etc", "lib", "lib64", "packages", "proc", "sbin", "sys", "usr")
"""What is there already, links of packages among it: what is mounted over it, or below, hides those."""
