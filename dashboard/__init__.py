"""The dashboard: a Streamlit app that reads ClickHouse's gold views and computes nothing itself."""
