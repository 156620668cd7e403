"""Who gets which alert, and when: grouping, silences, inhibition, quiet hours. Folds without I/O.

Import Router from routing.router, and Notification, its result. Nothing here sends.
"""
