"""What touches the host: toolchains, sources, mounts, and the sandbox in which builds and tests run."""
