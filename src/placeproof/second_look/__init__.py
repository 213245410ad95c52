"""The second look: where the first one is not clear, local features and exact geometry decide."""
