"""Pure text: charts, bars, numbers and plain frames. No terminal, no Textual, no clock."""
