"""What all tests share."""

from hypothesis import settings

# The first call of an operator can take seconds, so a deadline would only fail at random.
settings.register_profile("pnas", deadline=None)
settings.load_profile("pnas")
