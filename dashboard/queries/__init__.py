"""The queries of the dashboard, one module per page."""
