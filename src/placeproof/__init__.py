"""Was this photo taken where it is claimed to have been taken?"""

__version__ = "0.1.0"
