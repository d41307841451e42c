"""The read-only OCI registry: `docker pull HOST/stable/bash/jq` gives an image of a signed release.

Images are made when they are first asked for, by the code of `farm image build`, and kept. All that the registry has
beside the farm lies in one directory, `registry` beside the farm's blobs, which may be removed while nothing runs.
"""
