"""Small real trainings that show whether what `runwatch compare` claims is true."""
