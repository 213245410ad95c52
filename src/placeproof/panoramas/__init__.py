"""Where panoramas come from: the contract of a source, and the local library."""
