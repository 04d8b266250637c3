"""Entry of the dashboard, `streamlit run dashboard/app.py`: navigation and the common filters."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import ui

ICON = Path(__file__).parent / "static" / "icon.png"
SIDEBAR_WIDTH = 288

st.set_page_config(
    page_title="finhouse", page_icon=str(ICON), layout="wide", initial_sidebar_state=SIDEBAR_WIDTH
)
st.logo(str(ICON), size="large")

page = st.navigation(
    {
        "Monitor": [
            st.Page(
                "app_pages/overview.py",
                title="Overview",
                icon=":material/monitoring:",
                url_path="overview",
                default=True,
                help="Payments now: volume, success, merchants, and how live the numbers are.",
            ),
        ],
    }
)
ui.sidebar()
page.run()
