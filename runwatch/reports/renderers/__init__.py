"""How a report is shown: markdown, one HTML file, JSON, or text in a terminal. Each is made of a document."""
