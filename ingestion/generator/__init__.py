"""Made-up traffic for the source: a history to begin with, then a stream of changes."""

from __future__ import annotations

from ingestion.generator.history import load_history

__all__ = ["load_history"]
