"""What alpha minimizes where costs matter: penalties, constraints, rewards (equations 7 and 8).

Functions of losses, probabilities and expected costs; nothing here knows a supernet. Imports `metrics`.
"""
