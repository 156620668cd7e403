"""runwatch.toml: where its keys are, what they mean, and the frozen structs they become.

Import `load` and `Config` from config.loader, single sections from config.sections. Only loader reads files.
"""
