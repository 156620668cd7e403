"""Where notifications go: a folder for each kind of channel, beside what all share (http, deadline).

`kinds` finds the folders; import `build` from channels.build. Alertmanager is none: it routes by itself.
"""
