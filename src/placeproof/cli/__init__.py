"""The command line: one module a group of commands, and ``main`` that joins them."""
