"""What converting and measuring stand on: silence, foreign programs, kept conversions, scratch folders, copies for
inference.

Knows no runtime and no format. Imports no other wing. (A file is converted by a wing of its own, `converting`; what is
here is how to have a converter quiet and what is raised where it fails.)
"""
