"""Inventory formulas with known answers: one small file per family, each tied to its published source.

Time is counted in periods and every docstring says which periods an order protects: a text-book lead time `L` protects
`L + R` periods (order before the demand of the period, goods `L` periods later), which is `lead_time_days + R - 1` days
of the nightly rules, where an order is placed after close and is on the floor before opening.
"""
