#!/usr/bin/env bash
# A RIS record as reference managers export it, with A1 for the authors, T1, Y1 and JF.
# Guess: rispy gives `authors`, `title`, `year` and `journal_name` whichever of the two spellings the file uses.
# Seen: `first_authors`, `primary_title`, `publication_year`, `alternate_title3`; `authors`, `title` and `year` are absent.
# Who imports by those keys loses author, title and year of the record without an error.
. "$(dirname "$0")/_start.sh" rispy==0.10.0
check <<'PY'
import rispy

(record,) = rispy.loads("TY  - JOUR\nA1  - Author, A.\nA1  - Other, B.\nT1  - A title\nY1  - 2018/05/01\nJF  - A journal\nER  - \n")
print(record)
holds = record["first_authors"] == ["Author, A.", "Other, B."] and not {"authors", "title", "year", "journal_name"} & record.keys()
PY
