"""Search by judging one net after another: the Protocols of strategies and judges, and strategies without a supernet.

Imports `data`, `modules` and `nets`. A strategy knows only the choices of a space, and numbers.
"""
