"""Buildings in pictures: where synthetic queries look, and which photos show any."""
