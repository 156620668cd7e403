"""The sections of a report: each file makes some of them from what was analyzed."""
