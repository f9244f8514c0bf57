"""What every document and page says first."""

NOTICE = "Research software: not a medical device, not for clinical decisions."
