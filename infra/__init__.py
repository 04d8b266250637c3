"""How finhouse runs: settings, the embedded stack, the command line, Docker."""
