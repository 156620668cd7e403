"""Small real training programs. What happens to them is in `faults`; they import nothing of runwatch."""
