"""The documentation site: dbt's own pages, column lineage, health and ER picture, offline."""
