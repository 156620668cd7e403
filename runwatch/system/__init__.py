"""What the operating system needs care for: private files, CPU limits, trust in files, heavy imports.

Any module may import from here. Nothing here knows of runs.
"""
