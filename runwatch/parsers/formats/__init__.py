"""One declarative file per log format."""
