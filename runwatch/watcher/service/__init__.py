"""The engine process: clients in, requests answered, workers and samplers kept, people informed.

Import Server from service.server, and `launch` to start such a process.
"""
