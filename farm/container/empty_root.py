"""The root that every sandbox and every late-bound run starts from: mount points and links, and nothing else."""

DIRECTORIES = ("build", "dev", "etc", "out", "packages", "proc", "run", "sources", "sys", "tmp", "usr", "var")
"""The mount points."""
# The merged /usr of today's distributions: what is linked at usr/bin is found at /bin too.
LINKS = tuple((name, f"usr/{name}") for name in ("bin", "lib", "lib64", "sbin"))
