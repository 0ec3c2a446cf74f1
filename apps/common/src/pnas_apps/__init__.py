"""What the PNAS programs share; each module is imported where it is used, so that `--help` answers at once."""
