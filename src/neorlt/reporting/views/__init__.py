"""From the plan document to what the page shows: words, rounded numbers and labels. No number is made here."""
