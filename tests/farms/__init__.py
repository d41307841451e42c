"""The two farms of the tests: `small`, in this process with real rows, blobs and keys, and `running`, with `farm up`.

The small one has forms for different subjects: `stocked` with a history, `releasing` with a pipeline and a signed
repository, `importing` from a neighbour, `served` over HTTP. `people` own its recipes, `databases` gives it one.
"""
