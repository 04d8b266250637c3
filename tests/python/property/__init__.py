"""Random histories against the real dbt project on a ClickHouse of their own.

A package, so that pytest ends that ClickHouse with its last test and not with the session.
"""
