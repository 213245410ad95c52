"""Results shown to people and to other programs: terminal, pictures, web page, JSON."""
