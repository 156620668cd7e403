"""The benchmark of detection on public logs that people judged.

`labels` reads the index, `kinds` says which rule may tell which trouble, `observe` reads one log, `score`
compares it with its label, `report` counts.
"""
