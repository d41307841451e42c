"""OCI images from compositions: one layer for each package, one of links. Import from the submodules."""
