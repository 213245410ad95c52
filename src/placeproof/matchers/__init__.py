"""Local features and their matchers, behind one contract (:mod:`placeproof.matchers.contract`)."""
