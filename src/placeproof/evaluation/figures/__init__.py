"""The figures of an evaluation (paper, Fig. 7, 8 and 9, and more), one small file each.

They are drawn with matplotlib's objects alone, so that nothing of a caller's own plots changes.
"""
