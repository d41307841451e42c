"""The read-only OCI registry: `docker pull HOST/stable/bash/jq` gives an image of a signed release."""
