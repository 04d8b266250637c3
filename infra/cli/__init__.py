"""The command line: one module per command, all declared in `app`."""
