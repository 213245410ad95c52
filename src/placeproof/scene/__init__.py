"""A procedural textured street in 3-D: panoramas, photos, and the exact truth about them.

::

    street = Street(seed=4)                                             # street.py
    summer, winter = Visit(Season.SUMMER, Light.NOON, seed=1), ...      # visit.py
    panorama = render_panorama(street, summer, street.position(0, 0, 2.5), heading=90)
    photo = render_photo(street, winter, street.position(5, 4, 1.6), View(70, 8, 0, 65, 640, 480))
    masks = matched_masks(street, photo, panorama)                      # truth.py

Everything is a pure function of the seeds. Streets are made of textured rectangles (model.py);
ray casting is exact, so depth, surface numbers and masks are, too.
"""
