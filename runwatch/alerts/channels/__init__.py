"""Where notifications go: a folder for each type of channel, and what all share (http, deadline).

`kinds` finds the folders; import `build` from channels.build. Alertmanager is not one: it routes by itself.
"""
