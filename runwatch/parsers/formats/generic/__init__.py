"""Shapes that many programs share: bars, JSON lines, tables, scripts. They are asked last."""
