"""Small real training runs, with numpy and with torch, whose faults really happen."""
