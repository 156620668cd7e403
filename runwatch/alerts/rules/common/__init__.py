"""What rules of several families share: evidence, histories, speed, names of series.

Rules import from here; nothing here imports a rule.
"""
