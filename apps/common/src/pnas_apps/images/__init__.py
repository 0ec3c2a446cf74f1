"""Image files found and read, labelled images in memory, and what a run needs of images of any kind (`source`).

Imports `ground`.
"""
