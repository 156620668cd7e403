"""What others see of the engine: the snapshots of one client's view, and the document of `check --json`.

Import from engine/views/views. Nothing here changes the engine.
"""
