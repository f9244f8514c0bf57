"""The living evidence: search, import, deduplicate, screen, extract and pool what is published, and keep it alive."""
