"""How much traffic, of which kind: every number is a setting (FINHOUSE_GENERATOR_…)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class GeneratorSettings(BaseSettings):
    """Sizes and rates of the made-up business; the environment overrides each default."""

    model_config = SettingsConfigDict(env_prefix="FINHOUSE_GENERATOR_", frozen=True)

    seed: int = Field(default=42, ge=0)

    # reference data and history
    accounts: int = Field(default=12_345, ge=10)
    merchants: int = Field(default=56, ge=2)
    ips: int = Field(default=30_000, ge=10)  # two per account and some more
    fx_days: int = Field(default=365, ge=31)
    history_transactions: int = Field(default=250_000, ge=0)
    history_days: int = Field(default=30, ge=1)

    # the stream: `rate` new transactions per `interval` seconds
    rate: int = Field(default=123_456, gt=0)
    interval: float = Field(default=24.0, gt=0)
    updates: float = Field(default=0.10, ge=0, le=1)
    deletes: float = Field(default=0.01, ge=0, le=1)

    # where it stops growing
    row_cap: int = Field(default=20_000_000, gt=0)
    min_free_gb: float = Field(default=5.0, ge=0)
