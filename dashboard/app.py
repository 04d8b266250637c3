"""The dashboard's pages, their navigation and the common filters; server.py serves them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import bar, signin

ICON = Path(__file__).parent / "static" / "icon.png"
SIDEBAR_WIDTH = 288

st.set_page_config(
    page_title="finhouse", page_icon=str(ICON), layout="wide", initial_sidebar_state=SIDEBAR_WIDTH
)
st.logo(str(ICON), size="large")

signin.gate()

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
            st.Page(
                "app_pages/pipeline.py",
                title="Pipeline and trust",
                icon=":material/verified_user:",
                url_path="pipeline",
                help="Whether the numbers are equal to Postgres, and how long they take.",
            ),
            st.Page(
                "app_pages/alerts.py",
                title="Alerts",
                icon=":material/notifications:",
                url_path="alerts",
                help="What fires now, how every rule stands, and what happened before.",
            ),
        ],
        "Analyse": [
            st.Page(
                "app_pages/acceptance.py",
                title="Acceptance",
                icon=":material/verified:",
                url_path="acceptance",
                help="How many payments work, why others are declined, and when.",
            ),
            st.Page(
                "app_pages/risk.py",
                title="Risk and fraud",
                icon=":material/gpp_maybe:",
                url_path="risk",
                help="What the rules flag: velocity, card testing, amounts, countries, merchants.",
            ),
            st.Page(
                "app_pages/merchants.py",
                title="Merchants",
                icon=":material/storefront:",
                url_path="merchants",
                help="Merchants by volume, concentration and risk, and each one in detail.",
            ),
            st.Page(
                "app_pages/accounts.py",
                title="Accounts",
                icon=":material/group:",
                url_path="accounts",
                help="How many accounts are active, who comes and goes, and who stays.",
            ),
            st.Page(
                "app_pages/fx.py",
                title="FX and settlement",
                icon=":material/currency_exchange:",
                url_path="fx",
                help="What is owed in which currency, what is pending, what is left of fees.",
            ),
        ],
        "Explore": [
            st.Page(
                "app_pages/explore.py",
                title="Explore",
                icon=":material/explore:",
                url_path="explore",
                help="Figures that every list filters; find payments, merchants and accounts.",
            ),
            st.Page(
                "app_pages/sql.py",
                title="SQL",
                icon=":material/terminal:",
                url_path="sql",
                help="Ask gold and silver yourself: read-only, with limits, history and export.",
            ),
            st.Page(
                "app_pages/payment.py",
                title="Payment",
                icon=":material/receipt_long:",
                url_path="payment",
                visibility="hidden",
            ),
            st.Page(
                "app_pages/account.py",
                title="Account",
                icon=":material/person:",
                url_path="account",
                visibility="hidden",
            ),
        ],
    }
)
at = page.url_path or "overview"  # the default page has the root's address
bar.follow_view(at)
bar.carry(at)
bar.sidebar(at)
bar.draw(at)
page.run()
