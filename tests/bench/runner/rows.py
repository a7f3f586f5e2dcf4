"""rows.py: all that is measured."""

from runner import rows_connections, rows_streams, rows_unary

ROWS = [*rows_unary.ROWS, *rows_streams.ROWS, *rows_connections.ROWS]
