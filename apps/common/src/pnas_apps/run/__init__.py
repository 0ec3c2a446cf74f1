"""What a run is: its settings, its folder, its results as data.

Nothing here does a step of it. Imports `ground`, `images`, `training` and `photos`.
"""
