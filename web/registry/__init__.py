"""The read-only OCI registry: `docker pull HOST/stable/bash/jq` gives an image of a signed release.

Images are made on the first request, by the code of `farm image build`, and cached. All files of the registry are in
one directory, `registry`, next to the farm's blobs, which may be removed while no process runs.
May import `farm.client.image` and what lies below, `farm.server.pipeline.repository`, and the modules of `web` itself.
"""
