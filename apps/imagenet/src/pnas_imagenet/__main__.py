"""`python -m pnas_imagenet`, which is also what torchrun starts."""

from pnas_imagenet.cli import main

main()
