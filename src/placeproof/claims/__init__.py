"""Claims other than coordinates: what people write when they mean a place on Earth."""
