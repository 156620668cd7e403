"""What every process of runwatch needs: its work handed over, memory given back, waiting.

Any folder of watcher may import from here.
"""
