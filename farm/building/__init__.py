"""One attempt, start to end: from an order to packages with provenance, or to the verdict of a test."""
