"""Alerts: rules on gold, looked at in the background, and told to a file and a webhook."""
