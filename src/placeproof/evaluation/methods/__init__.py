"""Methods that are evaluated, each a file of its own; the registry names them all."""
