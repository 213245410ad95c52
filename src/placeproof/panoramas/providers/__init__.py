"""Panoramas from the open world: each provider is a source of panoramas like the local library."""
