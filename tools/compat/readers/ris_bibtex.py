"""rispy and bibtexparser: what they take from the exported records. NEORLT_READER says which of the two."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe


def _ris(folder):
    import rispy

    with (folder / "records.ris").open(encoding="utf-8") as stream:
        read = rispy.load(stream)
    return {"records": [[one.get("authors", one.get("first_authors"))[0], one.get("title"), one.get("doi"),
                         one.get("accession_number"), int(one.get("year"))] for one in read]}  # fmt: skip


def _bib(folder):
    import bibtexparser
    from bibtexparser.customization import convert_to_unicode

    parser = bibtexparser.bparser.BibTexParser(common_strings=True, customization=convert_to_unicode)
    read = bibtexparser.loads((folder / "records.bib").read_text(encoding="utf-8"), parser).entries
    return {"records": [[one["author"].split(" and ")[0], one["title"].replace("\\&", "&").replace("\\%", "%"), one["doi"],
                         one["pmid"], int(one["year"])] for one in read]}  # fmt: skip


probe.main({"ris": _ris} if os.environ.get("NEORLT_READER") == "rispy" else {"bibtex": _bib})
