"""Training (paper, section 4): data, phases, losses, and what is kept of a run."""
