"""The transform loop and the checks on what it made: lag and reconciliation."""
