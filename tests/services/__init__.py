"""Delivery against real services, and at length: `make test-services`. What is not installed is skipped."""
