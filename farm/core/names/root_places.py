"""The places of a root that farm's packages and the runtime have for themselves. Values."""

MERGED = ("bin", "lib", "lib64", "sbin")
"""The directories that are links into `/usr`, as in today's distributions: what is linked at usr/bin is at /bin too."""

HOMES = ("bin", "sbin", "lib", "libexec", "include", "share")
"""The directories of a package that are linked into `/usr`; its `etc` is linked into `/etc`."""

TAKEN = ("bin", "dev", "etc", "lib", "lib64", "packages", "proc", "sbin", "sys", "usr")
"""What is there already, links of packages among it: what is mounted over it, or below, hides those."""

LINKED = ("bin", "include", "lib", "lib32", "lib64", "libexec", "libx32", "sbin", "share")
"""The directories of `/usr` in which an extra link of a package may lie: `/usr/local` is for who keeps a machine."""
