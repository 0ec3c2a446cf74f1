"""How weights and architecture learn: single steps, their precision and processes, optimizers, hyper-parameters.

Each step is a function of its arguments. Imports `gates`.
"""
