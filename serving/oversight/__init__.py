"""Oversight of what runs unattended: policies in force, site rules, audits, and the watch over promises."""
