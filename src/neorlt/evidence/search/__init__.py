"""Searches: PubMed, ClinicalTrials.gov, OpenAlex, Crossref; each raw page is stored with its time."""
