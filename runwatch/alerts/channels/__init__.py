"""Where notifications go: one module a channel, with what they share (http, deadline, settings, probe).

Import `build` from channels.build; it imports a channel's module when the channel is configured.
"""
