"""The life of findings: which are open, which belong together, which follows from which.

Import Incidents and Change from incidents.incidents. Nothing here knows who receives alerts.
"""
