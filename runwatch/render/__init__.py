"""Pure text: charts, sparklines, bars and numbers. No Textual, no terminal."""
