"""Photos that match a panorama and should still make one suspicious: pure functions on arrays."""
