"""Where notifications go: one folder a kind of channel, beside what they share."""
