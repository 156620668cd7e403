"""Curves as text: charts, sparklines, axes, what is marked on them.

Import plot from charts.chart.
"""
