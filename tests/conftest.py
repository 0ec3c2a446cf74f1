"""What all tests share."""

import torch
from hypothesis import settings

# The first call of an operator can take seconds, so a deadline would only fail at random.
settings.register_profile("pnas", deadline=None)
settings.load_profile("pnas")

# Tensors are tiny here: a second thread only waits, and for seconds where the machine is busy.
torch.set_num_threads(1)
