"""The same stack on Docker Compose: what its own image runs besides the project."""
