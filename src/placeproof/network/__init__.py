"""The bottom-up pattern matching network, one file for each of the paper's boxes (section 3)."""
