"""Section 5 of the paper: test sets, baselines, metrics and figures, scored on the same pairs."""
