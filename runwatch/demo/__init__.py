"""A small real training run to watch: numpy only, seconds long, with faults that really happen."""
