"""rows.py: all that is measured."""

from runner import rows_unary

ROWS = [*rows_unary.ROWS]
