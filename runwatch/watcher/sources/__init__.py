"""What a run is read from."""
