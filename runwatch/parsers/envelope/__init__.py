"""What precedes a message: time stamp, level, logger, host, container, launcher and rank.

`header.opened` says where the message begins and what precedes it; every carrier asks it.
Nothing in here knows a format, a metric or a counter.
"""
