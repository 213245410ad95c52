"""Collecting photos and the panoramas at their positions to train on (paper, section 4.1)."""
